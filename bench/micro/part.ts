// One thing that is timed by itself.

export interface Part {
  readonly name: string
  readonly call: () => unknown
}
