// The connection to flicker: signing in, the live stream, questions, and the slice command.
//
// A browser opens at most six connections to one origin. A stream takes one for as long as it
// lives, so a hidden tab closes its own, and the server parks all but the newest four of one
// browser; a parked page asks every two seconds instead, until it is pointed at again.
import type { Flame, StreamEvent, Top } from './types';

export type Link = 'connecting' | 'live' | 'parked' | 'hidden' | 'lost' | 'refused';

export interface Listener {
  event(event: StreamEvent): void;
  link(link: Link, detail: string): void;
}

const POLL_MS = 2000;
const RETRY_MS = [500, 1000, 2000, 4000];

export class Session {
  private source: EventSource | null = null;
  private timer = 0;
  private tries = 0;
  private query = '';
  private signedIn = false;
  private state: Link = 'connecting';
  private readonly browser = browserId();

  constructor(private readonly listener: Listener) {
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) {
        this.close();
        this.say('hidden', '');
      } else {
        this.open();
      }
    });
    for (const type of ['focus', 'pointerdown', 'keydown', 'pointermove'])
      window.addEventListener(type, () => this.state === 'parked' && this.open(), { passive: true });
    // A page that is left keeps no connection, even while it waits in the back-forward cache.
    window.addEventListener('pagehide', () => this.close());
    window.addEventListener('pageshow', (event) => event.persisted && this.open());
  }

  // Trades the token in the address for a cookie, as soon as flicker answers; false: it is refused. Nothing
  // is asked before. The address is cleaned: it may be on a projector.
  async signIn(): Promise<boolean> {
    const token = location.hash.slice(1);
    if (/^[0-9a-f]{32}$/.test(token)) {
      const answer = await this.login(token);
      if (!answer.ok) {
        this.say('refused', await sentence(answer));
        return false;
      }
      history.replaceState(null, '', location.pathname + location.search);
    } // else the cookie of an earlier visit will do
    this.signedIn = true;
    return true;
  }

  private async login(token: string): Promise<Response> {
    for (;;) {
      try {
        return await fetch('/api/login', { headers: { Authorization: `Bearer ${token}` } });
      } catch {
        this.say('lost', '');
        await new Promise((resolve) => setTimeout(resolve, this.nextWait()));
      }
    }
  }

  // What the stream shows from now on.
  watch(query: string): void {
    if (query === this.query && (this.source || this.timer)) return;
    this.query = query;
    if (!document.hidden) this.open();
  }

  async flame(query: string, signal: AbortSignal): Promise<Flame> {
    return this.ask(`/api/flame?${query}`, signal);
  }

  async top(query: string, signal: AbortSignal): Promise<Top> {
    return this.ask(`/api/top?${query}`, signal);
  }

  async heatmap(query: string, signal?: AbortSignal): Promise<StreamEvent> {
    return this.ask(`/api/heatmap?${query}`, signal);
  }

  // Runs `slice WORDS` in the session, and selects these values, where given. Fails with the shell's
  // own sentence.
  async slice(words: string, values: string | null): Promise<number> {
    const answer = await fetch(`/api/slice${values === null ? '' : `?values=${encodeURIComponent(values)}`}`, {
      method: 'POST',
      body: words,
      headers: { 'Content-Type': 'text/plain; charset=utf-8' },
    });
    if (!answer.ok) throw new Error(await sentence(answer));
    return ((await answer.json()) as { generation: number }).generation;
  }

  private async ask<T>(url: string, signal?: AbortSignal): Promise<T> {
    const answer = await fetch(url, signal ? { signal } : {});
    if (!answer.ok) throw new Error(await sentence(answer));
    return (await answer.json()) as T;
  }

  private say(link: Link, detail: string): void {
    this.state = link;
    this.listener.link(link, detail);
  }

  private close(): void {
    this.source?.close();
    this.source = null;
    clearTimeout(this.timer);
    this.timer = 0;
  }

  private open(): void {
    this.close();
    if (this.query === '' || !this.signedIn || this.state === 'refused') return;
    this.say(this.state === 'lost' ? 'lost' : 'connecting', '');
    const source = new EventSource(`/api/stream?${this.query}&browser=${this.browser}`);
    this.source = source;
    source.onmessage = (message: MessageEvent<string>) => {
      this.tries = 0;
      if (this.state !== 'live') this.say('live', '');
      this.listener.event(JSON.parse(message.data) as StreamEvent);
    };
    source.addEventListener('park', () => {
      this.close();
      this.say('parked', '');
      void this.poll();
    });
    source.onerror = () => {
      this.close();
      void this.lose();
    };
  }

  // Why did the stream end: is flicker gone, or does it not know us?
  private async lose(): Promise<void> {
    try {
      const answer = await fetch('/api/heatmap?columns=1&rows=1');
      if (answer.status === 401) {
        this.say('refused', await sentence(answer));
        return;
      }
    } catch {
      // gone: said below
    }
    if (this.state === 'hidden') return;
    this.say('lost', '');
    this.timer = window.setTimeout(() => this.open(), this.nextWait());
  }

  private nextWait(): number {
    return RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)]!;
  }

  private async poll(): Promise<void> {
    const query = this.query;
    try {
      const event = await this.heatmap(query);
      if (this.state === 'parked' && query === this.query) this.listener.event(event);
    } catch {
      if (this.state === 'parked') void this.lose();
      return;
    }
    if (this.state === 'parked') this.timer = window.setTimeout(() => void this.poll(), POLL_MS);
  }
}

async function sentence(answer: Response): Promise<string> {
  try {
    return ((await answer.json()) as { error: string }).error;
  } catch {
    return `${answer.status} ${answer.statusText}`;
  }
}

// The tabs of one browser share it: they share the six connections, too.
function browserId(): string {
  const fresh = () => Math.floor(Math.random() * 2 ** 48).toString(16);
  try {
    const id = localStorage.getItem('browser') ?? fresh();
    localStorage.setItem('browser', id);
    return id;
  } catch {
    return fresh(); // storage is forbidden here
  }
}
