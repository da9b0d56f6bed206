// One message head: the text that came, where its lines stand, and marks for what is not sent on. Sent with one pass over the lines.
// Heads are pooled; none is held by an idle connection, and none may be used after its exchange has finished.

import type { Head } from '../exchange.ts'
import type { FieldBlock, FieldLine } from '../field-line.ts'
import { lowerByte } from './bytes.ts'
import { COOKIE, type FieldNames, hopByHop, idOfName, lengthBit } from './field-names.ts'
import { fieldText } from './field-text.ts'

/** Numbers a line takes in `places`: start, end of the name, start and end of the value. */
const STRIDE = 4
const nothing: readonly string[] = []

export class MessageHead implements Head {
  /** The numbers of the names that stood in each of the first lines of the last head of this kind: most have the same again. */
  readonly usualOrder: Uint8Array
  /** The whole head as it came, one character a byte, with the empty line. */
  text = ''
  /** Where the empty line begins. */
  fieldsEnd = 0
  count = 0
  places = new Int32Array(32 * STRIDE)
  ids = new Uint8Array(32)
  dropped = new Uint8Array(32)
  // Which known names are there: 31 names a mask.
  presentLow = 0
  presentHigh = 0
  /** Which of them stand in more than one line. */
  repeatedLow = 0
  repeatedHigh = 0
  /** The first line of each name that is there. */
  firstLines = new Uint16Array(64)
  /** Which lengths (modulo 32) the other names have: a look-up of a name that is not there ends here. */
  otherLengths = 0
  // Set by the parser from Connection, Content-Length and Transfer-Encoding.
  minorVersion: 0 | 1 = 1
  contentLength = -1
  /** The length came with leading zeros. */
  lengthPadded = false
  chunked = false
  closeAsked = false
  keepAliveAsked = false
  upgradeAsked = false
  // What is added, in order; '' for a line taken back. The arrays are kept, only the count goes back to 0.
  readonly #addedNames: string[] = []
  readonly #addedLines: string[] = []
  #added = 0
  #lowersNames = false

  /** @param usualOrder 32 numbers, shared by all heads of a kind */
  constructor(usualOrder: Uint8Array) {
    this.usualOrder = usualOrder
  }

  get(name: string): string | undefined {
    const id = idOfName(name)
    if (id !== 0) {
      if (!this.hasId(id)) return undefined
      if (!this.isRepeated(id)) return this.valueAt(this.firstLines[id]!)
    }
    return this.#joined(name, id)
  }

  #joined(name: string, id: number): string | undefined {
    let value: string | undefined
    for (let line = this.find(name, id, 0); line !== -1; line = this.find(name, id, line + 1)) {
      const next = this.valueAt(line)
      value = value === undefined ? next : value + (id === COOKIE ? '; ' : ', ') + next
    }
    return value
  }

  lines(name: string): readonly string[] {
    const id = idOfName(name)
    const first = this.find(name, id, 0)
    if (first === -1) return nothing
    const values = [this.valueAt(first)]
    for (let line = this.find(name, id, first + 1); line !== -1; line = this.find(name, id, line + 1))
      values.push(this.valueAt(line))
    return values
  }

  has(name: string): boolean {
    const id = idOfName(name)
    return id === 0 ? this.find(name, 0, 0) !== -1 : this.hasId(id)
  }

  sentLines(name: string): readonly string[] {
    const id = idOfName(name)
    const values: string[] = []
    for (let line = this.find(name, id, 0); line !== -1; line = this.find(name, id, line + 1)) {
      if (this.dropped[line] === 0) values.push(this.valueAt(line))
    }
    for (let i = 0; i < this.#added; i++) {
      if (this.#addedNames[i] === name) values.push(this.#addedLines[i]!.slice(name.length + 2, -2))
    }
    return values
  }

  repeatedNames(): readonly string[] {
    const { ids, places, count } = this
    let names: string[] | undefined
    for (let line = 1; line < count; line++) {
      const at = line * STRIDE
      const length = places[at + 1]! - places[at]!
      for (let other = 0; other < line; other++) {
        const there = other * STRIDE
        if (ids[other] !== ids[line] || places[there + 1]! - places[there]! !== length) continue
        const name = this.nameAt(line)
        if (ids[line] === 0 && name !== this.nameAt(other)) continue
        if (names === undefined) names = [name]
        else if (!names.includes(name)) names.push(name)
        break
      }
    }
    return names ?? nothing
  }

  lowerCaseNames(): void {
    this.#lowersNames = true
  }

  remove(name: string): void {
    this.#drop(name)
    for (let i = 0; i < this.#added; i++) if (this.#addedNames[i] === name) this.#takeBack(i)
  }

  /** Lines that came. */
  #drop(name: string): void {
    const id = idOfName(name)
    if (id !== 0) return this.dropId(id)
    for (let line = this.find(name, 0, 0); line !== -1; line = this.find(name, 0, line + 1)) this.dropped[line] = 1
  }

  /** A line that was added. */
  #takeBack(at: number): void {
    this.#addedNames[at] = ''
    this.#addedLines[at] = ''
  }

  #takeBackAll(names: FieldNames): void {
    for (let i = 0; i < this.#added; i++) if (names.has(this.#addedNames[i]!)) this.#takeBack(i)
  }

  removeAll(names: FieldNames): void {
    const came =
      ((this.presentLow & names.low) | (this.presentHigh & names.high) | (this.otherLengths & names.otherLengths)) !== 0
    if (came) for (const name of names.names) this.#drop(name)
    this.#takeBackAll(names)
  }

  removeSpellings(names: FieldNames): void {
    if (((this.presentLow & names.low) | (this.presentHigh & names.high)) !== 0) {
      for (let line = 0; line < this.count; line++) if (names.hasId(this.ids[line]!)) this.dropped[line] = 1
    }
    if ((this.otherLengths & names.lengths) !== 0) {
      for (let line = 0; line < this.count; line++) if (this.#isSpelledAlike(line, names)) this.dropped[line] = 1
    }
    this.#takeBackAll(names)
  }

  removeLines(name: string, test: (value: string) => boolean): void {
    const id = idOfName(name)
    if (id !== 0 && !this.hasId(id)) return
    for (let line = this.find(name, id, 0); line !== -1; line = this.find(name, id, line + 1)) {
      if (this.dropped[line] === 0 && test(this.valueAt(line))) this.dropped[line] = 1
    }
  }

  append(name: string, value: string): void {
    this.#add(name, `${name}: ${fieldText(value)}\r\n`)
  }

  appendLine({ name, text }: FieldLine): void {
    this.#add(name, text)
  }

  appendBlock({ text }: FieldBlock): void {
    this.#add('', text)
  }

  setLine(line: FieldLine): void {
    this.remove(line.name)
    this.#add(line.name, line.text)
  }

  #add(name: string, text: string): void {
    this.#addedNames[this.#added] = name
    this.#addedLines[this.#added++] = text
  }

  set(name: string, value: string): void {
    this.remove(name)
    this.append(name, value)
  }

  entries(): readonly (readonly [name: string, value: string])[] {
    const list: (readonly [string, string])[] = []
    for (let line = 0; line < this.count; line++) list.push([this.nameAt(line), this.valueAt(line)])
    return list
  }

  // ------------------------------------------------------------------------------------------ for the engine

  /** Makes it empty for the next message. */
  reset(): void {
    this.text = ''
    this.count = 0
    this.presentLow = 0
    this.presentHigh = 0
    this.repeatedLow = 0
    this.repeatedHigh = 0
    this.otherLengths = 0
    this.contentLength = -1
    this.lengthPadded = false
    this.chunked = false
    this.closeAsked = false
    this.keepAliveAsked = false
    this.upgradeAsked = false
    this.#forgetAdded()
  }

  /** Takes every change back: what came stands as it stood before them. */
  restore(): void {
    this.#forgetAdded()
    for (let line = 0; line < this.count; line++) this.dropped[line] = hopByHop[this.ids[line]!]!
  }

  #forgetAdded(): void {
    // Nothing of one visitor's request may live on in the pool: what stood here is written over, and few lines are kept.
    for (let i = 0; i < this.#added; i++) this.#addedLines[i] = ''
    if (this.#added > 32) this.#addedNames.length = this.#addedLines.length = 32
    this.#added = 0
    this.#lowersNames = false
  }

  /** Notes a line; positions are those of the text. Hop-by-hop lines are dropped from the start. */
  addLine(id: number, start: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    const line = this.count++
    if (line === this.ids.length) this.grow()
    const at = line * STRIDE
    const places = this.places
    places[at] = start
    places[at + 1] = nameEnd
    places[at + 2] = valueStart
    places[at + 3] = valueEnd
    this.ids[line] = id
    this.dropped[line] = hopByHop[id]!
    if (id === 0) this.otherLengths |= lengthBit(nameEnd - start)
    else this.#notePresent(id, line)
  }

  #notePresent(id: number, line: number): void {
    if (!this.hasId(id)) {
      this.firstLines[id] = line
      if (id < 31) this.presentLow |= 1 << id
      else this.presentHigh |= 1 << (id - 31)
    } else if (id < 31) this.repeatedLow |= 1 << id
    else this.repeatedHigh |= 1 << (id - 31)
  }

  isRepeated(id: number): boolean {
    return id < 31 ? (this.repeatedLow & (1 << id)) !== 0 : (this.repeatedHigh & (1 << (id - 31))) !== 0
  }

  hasId(id: number): boolean {
    return id < 31 ? (this.presentLow & (1 << id)) !== 0 : (this.presentHigh & (1 << (id - 31))) !== 0
  }

  /** Takes every line of a known name out. */
  dropId(id: number): void {
    if (!this.hasId(id)) return
    if (!this.isRepeated(id)) {
      this.dropped[this.firstLines[id]!] = 1
      return
    }
    for (let line = 0; line < this.count; line++) if (this.ids[line] === id) this.dropped[line] = 1
  }

  lineOfId(id: number): number {
    return this.hasId(id) ? this.firstLines[id]! : -1
  }

  valueStart(line: number): number {
    return this.places[line * STRIDE + 2]!
  }

  valueEnd(line: number): number {
    return this.places[line * STRIDE + 3]!
  }

  valueAt(line: number): string {
    const at = line * STRIDE
    return this.text.slice(this.places[at + 2], this.places[at + 3])
  }

  nameAt(line: number): string {
    const at = line * STRIDE
    return this.text.slice(this.places[at], this.places[at + 1]).toLowerCase()
  }

  /**
   * The lines that stay, then those that were added, each with its CRLF.
   * @param start where the first line of the head begins, when it goes out as it came: it is in front then
   */
  keptFields(start = -1): string {
    if (this.#lowersNames) return this.#loweredFields(start)
    const { text, places, dropped, count } = this
    let out = ''
    let from = start
    for (let line = 0; line < count; line++) {
      if (dropped[line] === 0) {
        if (from === -1) from = places[line * STRIDE]!
      } else if (from !== -1) {
        out += text.slice(from, places[line * STRIDE])
        from = -1
      }
    }
    if (from !== -1) out += text.slice(from, this.fieldsEnd)
    for (let i = 0; i < this.#added; i++) out += this.#addedLines[i]!
    return out
  }

  #loweredFields(start: number): string {
    let out = start === -1 ? '' : this.text.slice(start, this.count === 0 ? this.fieldsEnd : this.places[0])
    for (let line = 0; line < this.count; line++) {
      if (this.dropped[line] === 0) out += `${this.nameAt(line)}: ${this.valueAt(line)}\r\n`
    }
    for (let i = 0; i < this.#added; i++) out += this.#addedLines[i]!
    return out
  }

  private find(name: string, id: number, from: number): number {
    if (id !== 0) {
      if (!this.hasId(id) || (from > 0 && !this.isRepeated(id))) return -1
      for (let line = from; line < this.count; line++) if (this.ids[line] === id) return line
      return -1
    }
    const length = name.length
    if ((this.otherLengths & lengthBit(length)) === 0) return -1
    for (let line = from; line < this.count; line++) {
      const at = line * STRIDE
      const start = this.places[at]!
      if (this.places[at + 1]! - start !== length || this.ids[line] !== 0) continue
      let i = 0
      while (i < length && lowerByte[this.text.charCodeAt(start + i)] === name.charCodeAt(i)) i++
      if (i === length) return line
    }
    return -1
  }

  /** A name without a number that backends may take for one of these. */
  #isSpelledAlike(line: number, names: FieldNames): boolean {
    const at = line * STRIDE
    const length = this.places[at + 1]! - this.places[at]!
    return this.ids[line] === 0 && (names.lengths & lengthBit(length)) !== 0 && names.spells(this.nameAt(line))
  }

  private grow(): void {
    const ids = new Uint8Array(this.ids.length * 2)
    ids.set(this.ids)
    const dropped = new Uint8Array(ids.length)
    dropped.set(this.dropped)
    const places = new Int32Array(ids.length * STRIDE)
    places.set(this.places)
    this.ids = ids
    this.dropped = dropped
    this.places = places
  }
}
