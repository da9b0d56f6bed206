// What `bench --profile` wants of a profiler: perf.ts and node-profiler.ts are such. Types alone.

export interface FunctionTime {
  readonly name: string
  /** `URL:LINE` of JavaScript; '' for all other code. */
  readonly place: string
  /** Whose code it is; '' where the profiler does not tell. */
  readonly layer: string
  /** Of the busy time, 0 to 1, with the functions it calls left out. */
  readonly share: number
}

export interface Profiler {
  readonly name: string
  /** Options that the profiled Node starts with. */
  readonly nodeArgs: readonly string[]
  /** Looks at the process for so long. */
  sample(id: number, seconds: number): Promise<void>
  /** What was seen. Called when the process has ended. */
  functions(id: number): Promise<readonly FunctionTime[]>
}
