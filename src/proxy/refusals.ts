// What a client is told whose message never became a request: our own words, or Envoy's where Istio's manifests are served.

import type { EdgeListener } from './edge.ts'
import { edgeAnswer, errorOfRefusal } from './edge-answers.ts'
import type { EdgeAnswer, Refusal } from './exchange.ts'
import { refusalAnswer } from './mesh-answers.ts'

/** @param listener undefined when a reload took it away */
export function answerRefusal(
  listener: EdgeListener | undefined,
  refusal: Refusal,
): { readonly code: string; readonly answer: EdgeAnswer } {
  const error = errorOfRefusal(refusal)
  const mesh = listener?.mesh
  return { code: error.code, answer: mesh === undefined ? edgeAnswer(error, undefined) : refusalAnswer(refusal, mesh) }
}
