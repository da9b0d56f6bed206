// Tables of the report, in Markdown.

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

/** The first `textColumns` are text, the others figures. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[], textColumns: number): string {
  const rule = heads.map((_, i) => (i < textColumns ? '---' : '---:'))
  return [line(heads), line(rule), ...rows.map(line)].join('\n')
}
