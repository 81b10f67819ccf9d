import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Conversation, read, written } from './conversation.ts';

const FOLDER = join(import.meta.dirname, 'corpus');

/** What the repository keeps: conversations that reach something of their own. */
export function readCorpus(): readonly Conversation[] {
  return readdirSync(FOLDER)
    .sort()
    .map((name) => read(readFileSync(join(FOLDER, name), 'latin1')));
}

/** Writes one, named by its content; the path. */
export function keepConversation(folder: string, conversation: Conversation): string {
  const text = written(conversation);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${createHash('sha256').update(text, 'latin1').digest('hex').slice(0, 12)}.sip`);
  writeFileSync(path, text, 'latin1');
  return path;
}
