// A request on its matched route, as Envoy's filters take it: fault, then CORS, then the router, which changes fields, host and path,
// makes its attempts (attempts.ts), mirrors. One executor for services of routes.yaml (proxied-request.ts) and for VirtualServices: what is
// asserted of a request and of its answer, and how the edge's own answers look, is for the class that extends this one.

import type { RequestFacts, StringMatchSpec } from '../rules/types.ts'
import { Attempts } from './attempts.ts'
import { allowOrigin, preflightAnswer } from './cors.ts'
import { type EdgeError, edgeErrors, errorOfFailure, errorOfRefusal } from './edge-answers.ts'
import type { PoolEndpoints } from './pool-endpoints.ts'
import type {
  EdgeAnswer,
  Exchange,
  Forwarding,
  Head,
  Outcome,
  ResponseHead,
  Retries,
  Refusal,
  UpstreamFailure,
} from './exchange.ts'
import { drawAbort, drawDelay, drawn } from './fault.ts'
import { type AnswerHead, FieldList } from './field-list.ts'
import { applyHeaderOperations } from './header-format.ts'
import { directAnswer, redirectAnswer } from './redirect.ts'
import type { Surroundings } from './request-context.ts'
import { replayBytes } from './retry-policy.ts'
import type { Mirror, RouteActions } from './route-actions.ts'

const noMirrors: readonly Mirror[] = []

/**
 * A subclass finds the route, sets `target` (canonical path and query), and calls `execute` once, or `fail` or `answer`. After that the
 * engine calls the methods of Forwarding; exactly one record is observed for each request, whatever becomes of it.
 */
export abstract class RouteExecution extends Attempts implements Forwarding {
  /** What the upstream is asked for; set before `execute`, which may rewrite it. */
  target = ''
  authority: string
  retries: Retries | null = null
  keepBytes = 0
  /** Counted under this key until the end. */
  admitted: string | undefined
  #facts: RequestFacts | undefined
  #matched: StringMatchSpec | undefined
  #mirrors: readonly Mirror[] = noMirrors

  constructor(surroundings: Surroundings, exchange: Exchange, internal: boolean) {
    super(surroundings, exchange, internal)
    this.authority = exchange.request.authority
  }

  // --- for the subclass to say ---------------------------------------------------------------------------------------------------

  /** Port of the listener as configured: what `derivePort: FROM_REQUEST_PORT` means. */
  protected abstract readonly listenerPort: number
  /** Called once before a request is sent; it has to call `changeRequest` where the route's operations belong. */
  protected abstract assertOnRequest(head: Head): void
  /** The same for every answer that passes a route, the upstream's and the configured ones; it has to call `changeAnswer`. */
  protected abstract assertOnAnswer(head: AnswerHead): void
  /** The head of a copy, made from the head that was sent. */
  protected mirrorHead(head: string, _mirror: Mirror): string {
    return head
  }
  /** The body and fields of an error of the edge's own, before the route's response operations. */
  protected abstract errorAnswer(error: EdgeError, failure: UpstreamFailure | undefined): EdgeAnswer

  // --- the route -----------------------------------------------------------------------------------------------------------------

  /**
   * Does all that the route says, and answers or forwards.
   * @param pool undefined: the route leads to a service or subset that nobody knows
   * @param matched `uri` of the match that fitted, for rewrites and redirects of the matched prefix
   */
  protected execute(
    actions: RouteActions,
    pool: PoolEndpoints | undefined,
    facts: RequestFacts,
    matched: StringMatchSpec | undefined,
  ): void {
    this.actions = actions
    this.pool = pool
    this.timeoutMs = actions.timeoutMs
    if (actions.plain) return this.#forward(actions)
    const { redirect, directResponse, fault } = actions
    if (redirect !== undefined) return this.#configured(redirectAnswer(redirect, facts, matched, this.listenerPort))
    if (directResponse !== undefined) return this.#configured(directAnswer(directResponse, facts))
    this.#facts = facts
    this.#matched = matched
    if (fault === undefined) return this.#allow(actions)
    const delayMs = drawDelay(fault, this.surroundings.random)
    if (delayMs === 0) return this.#abort(actions)
    this.flag('DI')
    this.exchange.hold(
      delayMs,
      () => this.#abort(actions),
      (outcome) => this.onFinish(outcome),
    )
  }

  #abort(actions: RouteActions): void {
    const abort = drawAbort(actions.fault!, this.request, this.surroundings.random)
    if (abort === undefined) return this.#allow(actions)
    this.flag('FI')
    // Envoy's fault filter answers before its cors filter is asked: no origin is allowed.
    this.actions = { ...actions, cors: undefined }
    this.answer(this.changed(abort))
  }

  #allow(actions: RouteActions): void {
    const { cors } = actions
    const preflight = cors && preflightAnswer(cors, this.request)
    // Envoy's cors filter answers past the router: no operations of the route.
    if (preflight !== undefined) return this.answer(preflight)
    this.#forward(actions)
  }

  #forward(actions: RouteActions): void {
    if (this.pool === undefined) return this.fail(edgeErrors.noCluster)
    this.assertOnRequest(this.request)
    if (!actions.plain) this.#rewrite(actions)
    this.exchange.forward(this)
  }

  #rewrite(actions: RouteActions): void {
    const { authority, path, retries, mirrors } = actions
    if (authority !== undefined && authority !== this.authority) {
      if (this.tellsUpstream) this.request.set('x-envoy-original-host', this.authority)
      this.authority = authority
    }
    if (path !== undefined) this.#rewritePath(path(this.#facts!.path, this.#matched))
    if (retries !== undefined) this.retries = this
    if (mirrors.length > 0 && !this.request.websocket) {
      this.#mirrors = mirrors.filter(({ percentage }) => drawn(percentage, this.surroundings.random))
    }
    if (this.retries !== null || this.#mirrors.length > 0) this.keepBytes = replayBytes
  }

  #rewritePath(path: string): void {
    const { query } = this.#facts!
    if (this.tellsUpstream) this.request.set('x-envoy-original-path', this.target)
    this.target = query === '' ? path : `${path}?${query}`
  }

  protected get changesRequest(): boolean {
    return this.actions!.requestHeaders.length > 0
  }

  /** The route's operations on the request. */
  protected changeRequest(head: Head): void {
    const levels = this.actions!.requestHeaders
    for (let i = 0; i < levels.length; i++) applyHeaderOperations(levels[i]!, head, this)
  }

  /** The route's operations on an answer, then its CORS fields. */
  protected changeAnswer(head: AnswerHead): void {
    const { actions } = this
    if (actions === undefined) return
    this.response = head
    const levels = actions.responseHeaders
    for (let i = 0; i < levels.length; i++) applyHeaderOperations(levels[i]!, head, this)
    if (actions.cors !== undefined) allowOrigin(actions.cors, this.request.get('origin'), head)
  }

  // --- answers of the edge's own -------------------------------------------------------------------------------------------------

  /** Answers with an error of the table. */
  fail(error: EdgeError): void {
    this.answer(this.#errorAnswer(error, undefined))
  }

  answer(answer: EdgeAnswer): void {
    this.exchange.answer(answer, (outcome) => this.onFinish(outcome))
  }

  /** What the configuration says (redirect, directResponse). */
  #configured(answer: EdgeAnswer): void {
    const head = new FieldList(answer.fields)
    this.record.status = answer.status
    this.assertOnAnswer(head)
    this.answer({ ...answer, fields: head.fields })
  }

  #errorAnswer(error: EdgeError, failure: UpstreamFailure | undefined): EdgeAnswer {
    this.record.edgeCode = error.code
    this.flag(error.flag)
    return this.changed(this.errorAnswer(error, failure))
  }

  /** An answer of the edge's own with what the route does to answers. */
  protected changed(answer: EdgeAnswer): EdgeAnswer {
    if (this.actions === undefined) return answer
    const head = new FieldList(answer.fields)
    this.record.status = answer.status
    this.changeAnswer(head)
    return { ...answer, fields: head.fields }
  }

  // --- Forwarding: the engine calls ----------------------------------------------------------------------------------------------

  onAnswer(head: ResponseHead): void {
    this.record.servedVersion = head.get('x-served-version')
    this.record.status = head.status
    this.noteAnswer(head.status)
    if (this.hash !== undefined) for (const cookie of this.hash.cookies) head.append('set-cookie', cookie)
    this.assertOnAnswer(head)
    if (head.status === 101) this.surroundings.onSocket?.(this.record)
  }

  onFailure(failure: UpstreamFailure): EdgeAnswer {
    this.noteFailure(failure)
    return this.#errorAnswer(errorOfFailure(failure), failure)
  }

  onRequestComplete(head: string, body: Uint8Array | undefined): void {
    for (const mirror of this.#mirrors) {
      const endpoint = mirror.pool.pick(undefined, this.hash?.hash)
      this.surroundings.mirrors?.send(endpoint, this.mirrorHead(head, mirror), body, this.timeoutMs)
    }
  }

  onFinish(outcome: Outcome): void {
    this.endAttempts()
    if (this.admitted !== undefined) this.surroundings.admission?.leave(this.admitted)
    const record = this.record
    record.status = outcome.status
    record.bytesReceived = outcome.bytesReceived
    record.bytesSent = outcome.bytesSent
    record.wireBytesReceived = outcome.wireBytesReceived
    record.wireBytesSent = outcome.wireBytesSent
    record.durationMs = outcome.durationMs
    record.upstreamMs = outcome.upstreamMs
    if (outcome.refusal !== undefined) this.#noteRefusal(outcome.refusal)
    if (outcome.end === 'client-gone') record.flags = 'DC'
    else if (outcome.end === 'truncated') record.flags = 'UC'
    this.surroundings.observe(record)
  }

  /** In the middle of the body: whatever was on the way before, this is what the client was told. */
  #noteRefusal(refusal: Refusal): void {
    const { code, flag } = errorOfRefusal(refusal)
    this.record.edgeCode = code
    this.record.flags = flag
  }
}
