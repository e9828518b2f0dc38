// Wraps comments at 100 columns, which the formatter leaves alone: words move down within their
// paragraph. Lists, code and anything without a blank to break at stay as they are.

const columnsMax = 100;

const single = /^(\s*)\/\*\* (.*) \*\/$/;
const continued = /^(\s*(?:\/\/|\*) )(\S.*)$/;
const listItem = /^([-*|]|\d+\.|@|#)/;

/** The text with its comments wrapped; the same text if there is nothing to wrap. */
export function wrapComments(text: string): string {
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (line.length <= columnsMax) continue;
    const alone = single.exec(line);
    if (alone !== null) {
      const [, indent = '', body = ''] = alone;
      lines.splice(at, 1, `${indent}/**`, `${indent} * ${body}`, `${indent} */`);
      continue;
    }
    breakLine(lines, at);
  }
  return lines.join('\n');
}

/** Moves what is too much in line `at` to the next line of the paragraph, or to a new one. */
function breakLine(lines: string[], at: number): void {
  const line = lines[at] ?? '';
  const head = continued.exec(line)?.[1];
  if (head === undefined) return;
  const cut = line.lastIndexOf(' ', columnsMax);
  if (cut <= head.length) return;
  const rest = line.slice(cut + 1);
  lines[at] = line.slice(0, cut);
  const next = continued.exec(lines[at + 1] ?? '');
  const joins = next?.[1] === head && !listItem.test(next[2] ?? '');
  if (joins) lines[at + 1] = `${head}${rest} ${next[2]}`;
  else lines.splice(at + 1, 0, head + rest);
}
