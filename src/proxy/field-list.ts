// The fields of an answer that the edge composes, with the part of Head that rules about answers need.

import type { EdgeAnswer, ResponseHead } from './exchange.ts'
import { FieldChanges } from './field-changes.ts'

/** What both an upstream's answer and one of the edge's own can do: header operations, CORS and pins are written for it. */
export type AnswerHead = Pick<
  ResponseHead,
  'get' | 'sentLines' | 'remove' | 'removeAll' | 'removeLines' | 'set' | 'setLine' | 'append' | 'appendLine'
>

export class FieldList extends FieldChanges implements AnswerHead {
  fields: (readonly [name: string, value: string])[]

  constructor(fields: EdgeAnswer['fields']) {
    super()
    this.fields = [...fields]
  }

  get(name: string): string | undefined {
    return this.fields.find((field) => field[0] === name)?.[1]
  }

  sentLines(name: string): readonly string[] {
    return this.fields.filter((field) => field[0] === name).map((field) => field[1])
  }

  remove(name: string): void {
    this.fields = this.fields.filter((field) => field[0] !== name)
  }

  removeLines(name: string, test: (value: string) => boolean): void {
    this.fields = this.fields.filter((field) => field[0] !== name || !test(field[1]))
  }

  set(name: string, value: string): void {
    this.remove(name)
    this.append(name, value)
  }

  append(name: string, value: string): void {
    this.fields.push([name, value])
  }
}
