// Plays our own stories of the core, one file each: `testdata/*.txt`. The commands are those of
// `test/raft/script-player.ts`. REWRITE=1 writes the answers; review the difference.

import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { playScript } from '../../test/raft/data-script.ts';
import { ScriptPlayer } from '../../test/raft/script-player.ts';

const folder = path.join(import.meta.dirname, 'testdata');

for (const file of readdirSync(folder).sort()) {
  test(`raft story: ${file}`, () => {
    const player = new ScriptPlayer();
    playScript(path.join(folder, file), (command) => player.run(command));
  });
}
