// Colours, for people at a terminal only: a pipe, a file and NO_COLOR (no-color.org) get plain text.

import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** A painter for one stream. */
export function painter(stream: NodeJS.WriteStream): (style: Style, text: string) => string {
  const colours = stream.isTTY && process.env['NO_COLOR'] === undefined
  return (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text)
}
