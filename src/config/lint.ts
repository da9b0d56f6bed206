// What a linter says of configurations that can be used: warnings of src/rules/lint.ts as problems.

import { lintRelease } from '../rules/lint.ts'
import type { Configuration } from './configuration.ts'
import type { Problem } from './problem.ts'

export function lintConfiguration({ releases, listen }: Configuration): readonly Problem[] {
  const internal = listen.some((listener) => listener.internal)
  return releases.flatMap((release) =>
    lintRelease(release, internal).map(({ place, code, message }): Problem => ({
      ...place,
      severity: 'warning',
      code,
      message,
    })),
  )
}
