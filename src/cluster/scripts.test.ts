// Plays the stories of the agreed state, one file each: `testdata/*.txt`. The commands are those of
// `test/state/script-player.ts`. REWRITE=1 writes the answers; review the difference.

import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { playScript } from '../../test/raft/data-script.ts';
import { StateScript } from '../../test/state/script-player.ts';

const folder = path.join(import.meta.dirname, 'testdata');

for (const file of readdirSync(folder).sort()) {
  test(`state story: ${file}`, () => {
    const script = new StateScript();
    playScript(path.join(folder, file), (command) => script.run(command));
  });
}
