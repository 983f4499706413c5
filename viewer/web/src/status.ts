// The header and the note line: what is recorded, what was lost, what is wrong.
import { bytes, count, elapsed, percent } from './format';
import type { Link } from './session';
import type { Model } from './model';

// Sets the text of an element; the same text again costs no layout.
export function put(id: string, text: string): void {
  const element = document.getElementById(id)!;
  if (element.textContent !== text) element.textContent = text;
}

export function drawStatus(model: Model): void {
  const { status, view } = model;
  if (!status) return;
  put('st-title', status.title);
  put('st-source', status.source);
  put('st-rec', elapsed(status.recordingS));
  put('st-rec-name', status.recording ? 'recording' : 'recorded');
  put('st-rate', count(status.samplesPerS));
  put('st-lost', percent(status.lost));
  put('st-unresolved', percent(status.unresolved));
  put('st-cpu', status.recording ? percent(status.collectorCpu) : '–');
  put('st-buffer', `${elapsed(status.bufferS)}, ${bytes(status.bufferBytes)}${status.bufferFull ? ' full' : ''}`);
  document.getElementById('st-lost')!.parentElement!.classList.toggle('warn', status.lost > 0);
  document.querySelector('.rec')!.classList.toggle('on', status.recording);
  put('h-heat', heading(view?.event, model.addsUp));
  const title = `${status.recording ? '● ' : ''}flicker${status.title ? ` · ${status.title}` : ''}`;
  if (document.title !== title) document.title = title;
}

function heading(event: string | undefined, byValue: boolean | undefined): string {
  if (!event) return 'Samples';
  if (event === 'cpu-clock' || event === 'cycles' || event === 'task-clock') return 'CPU samples';
  return byValue ? event : `${event} samples`;
}

export class Note {
  private link: Link = 'connecting';
  private detail = '';
  private since = Date.now();
  private failure = '';

  constructor(private readonly element: HTMLElement) {}

  set(link: Link, detail: string): void {
    if (link === 'lost' && this.link !== 'lost') this.since = Date.now();
    this.link = link;
    this.detail = detail;
  }

  // A sentence about what was just asked for; an empty one takes it back.
  fail(message: string): void {
    this.failure = message;
  }

  draw(model: Model): void {
    const parts = this.parts(model);
    document.body.classList.toggle('stale', this.link === 'lost' || this.link === 'refused');
    const key = parts ? JSON.stringify(parts) : '';
    if (this.element.dataset['of'] === key) return;
    this.element.dataset['of'] = key;
    this.element.hidden = !parts;
    if (!parts) return;
    this.element.className = `note${parts.bad ? ' bad' : ''}`;
    const head = document.createElement('b');
    const rest = document.createElement('span');
    const code = document.createElement('code');
    head.textContent = parts.head;
    rest.textContent = parts.rest;
    code.textContent = parts.code ?? '';
    this.element.replaceChildren(head, rest, code);
  }

  private parts(model: Model): { head: string; rest: string; code?: string; bad?: boolean } | null {
    if (this.link === 'refused') return { head: 'Not signed in.', rest: this.detail, bad: true };
    if (this.link === 'lost') {
      const seconds = Math.round((Date.now() - this.since) / 1000);
      return { head: `Disconnected ${seconds} s ago.`, rest: 'What has arrived is still here. Trying again; if flicker has ended, its link has, too.', bad: true };
    }
    if (this.failure) return { head: 'Not done:', rest: this.failure, bad: true };
    if (this.link === 'parked') return { head: 'Slower here:', rest: 'other pages of this browser are live. Click to make this one live.' };
    if (model.status?.note) return { head: model.status.note, rest: '' };
    if (model.view?.error) return { head: 'No heatmap:', rest: model.view.error };
    if (this.link === 'live' && !model.axis) return { head: 'No samples yet.', rest: 'Start a collector in the shell:', code: 'record' };
    return null;
  }
}
