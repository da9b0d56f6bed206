// Fields that go out again and again, put together once as the lines they are written as. Values are clean: the caller builds them from
// checked parts, free of CR, LF and NUL.

import { Buffer } from 'node:buffer'

export class FieldLine {
  /** In lower case. */
  readonly name: string
  readonly value: string
  /** As it is written, with its CRLF. */
  readonly text: string

  constructor(name: string, value: string, text = `${name}: ${value}\r\n`) {
    this.name = name
    this.value = value
    this.text = text
  }

  /** For a line that many messages carry. */
  static lasting(name: string, value: string): FieldLine {
    return new FieldLine(name, value, inOnePiece(`${name}: ${value}\r\n`))
  }
}

/** Lines that belong together, and that nothing looks at or changes any more. */
export class FieldBlock {
  readonly lines: readonly FieldLine[]
  readonly text: string

  constructor(lines: readonly FieldLine[]) {
    this.lines = lines
    this.text = inOnePiece(lines.map(({ text }) => text).join(''))
  }
}

/** Text that was joined of pieces is put together by each that writes it, unless somebody does it once. */
function inOnePiece(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
