// Text for people: columns, and colours at a terminal only: a pipe, a file and NO_COLOR (no-color.org) get plain text.

import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** A painter for one stream. An empty NO_COLOR says nothing. */
export function painter(stream: NodeJS.WriteStream): (style: Style, text: string) => string {
  const colours = stream.isTTY && (process.env['NO_COLOR'] ?? '') === ''
  return (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text)
}

/** Rows of as many cells each as lines, indented, every column as wide as its widest cell. */
export function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd())
}
