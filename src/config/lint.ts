// What a linter says of configurations that can be used: warnings of src/rules/lint.ts as problems.

import { lintRelease } from '../rules/lint.ts'
import type { Configuration } from './configuration.ts'
import type { Problem } from './problem.ts'

export function lintConfiguration({ releases }: Configuration): readonly Problem[] {
  return releases.flatMap((release) =>
    lintRelease(release).map(({ place, code, message }): Problem => ({ ...place, severity: 'warning', code, message })),
  )
}
