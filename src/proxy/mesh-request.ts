// One request on a route of Istio's manifests: what the upstream and the client are told beside what the route says, as Envoy tells it.
// Nothing is pinned, stripped of versions, or told pages from what they load.

import type { MeshListener, MeshRoute } from '../rules/mesh-table.ts'
import type { RequestFacts } from '../rules/types.ts'
import type { EdgeListener } from './edge.ts'
import type { EdgeError } from './edge-answers.ts'
import type { EdgeAnswer, Exchange, Head, ResponseHead, UpstreamFailure } from './exchange.ts'
import type { AnswerHead } from './field-list.ts'
import { emptyAnswer, failureAnswer, serverName } from './mesh-answers.ts'
import { chooseDestination, type Route } from './route-actions.ts'
import type { Surroundings } from './request-context.ts'
import { RouteExecution } from './route-execution.ts'

export class MeshRequest extends RouteExecution {
  readonly version = ''
  scheme: 'http' | 'https' = 'http'
  protected readonly tellsUpstream = true
  readonly #mesh: MeshListener
  #route: MeshRoute | undefined
  #sentAt = 0

  constructor(surroundings: Surroundings, listener: EdgeListener, exchange: Exchange) {
    super(surroundings, exchange, listener.spec.internal)
    this.#mesh = listener.mesh!
    exchange.request.lowerCaseNames()
  }

  // --- what handle-mesh-request finds out, step by step --------------------------------------------------------------------------

  goesTo(route: MeshRoute, compiled: Route, facts: RequestFacts): void {
    this.#route = route
    this.record.rule = route.spec.name === '' ? route.spec.origin : route.spec.name
    const destination = chooseDestination(compiled, this.surroundings.random)
    const pool = destination?.pool
    if (pool !== undefined) {
      this.record.release = pool.pool.release
      this.record.service = pool.pool.service
      this.record.version = this.record.poolVersion = pool.pool.owner
    }
    this.execute(destination?.actions ?? compiled.actions, pool, facts, route.matchedUri)
  }

  // --- answers of the edge's own -------------------------------------------------------------------------------------------------

  /** An answer that no route is behind. @param flag Envoy's response flag */
  refuse(answer: EdgeAnswer, error: EdgeError): void {
    this.record.edgeCode = error.code
    this.flag(error.flag)
    this.answer(answer)
  }

  override answer(answer: EdgeAnswer): void {
    super.answer(this.#named(answer))
  }

  override onFailure(failure: UpstreamFailure): EdgeAnswer {
    return this.#named(super.onFailure(failure))
  }

  /** Envoy writes it last of all: no route can change it. */
  #named(answer: EdgeAnswer): EdgeAnswer {
    const fields = answer.fields.filter(([name]) => name !== 'server')
    return { ...answer, fields: [...fields, ['server', this.serverName]] }
  }

  get serverName(): string {
    return serverName(this.#mesh.spec.kind)
  }

  protected errorAnswer(error: EdgeError, failure: UpstreamFailure | undefined): EdgeAnswer {
    return failure === undefined ? emptyAnswer(error.status) : failureAnswer(failure, this.record.attempts)
  }

  // --- towards the upstream ------------------------------------------------------------------------------------------------------

  protected assertOnRequest(head: Head): void {
    const { retries } = this.actions!
    const perTryMs = retries?.perTryTimeoutMs ?? 0
    const expectedMs = perTryMs > 0 && (this.timeoutMs === 0 || perTryMs < this.timeoutMs) ? perTryMs : this.timeoutMs
    if (expectedMs > 0) head.set('x-envoy-expected-rq-timeout-ms', String(expectedMs))
    this.changeRequest(head)
  }

  override endpoint(attempt: number): ReturnType<RouteExecution['endpoint']> {
    this.#sentAt = performance.now()
    return super.endpoint(attempt)
  }

  /** Envoy sends a copy as a request of its own: it is internal then, and has passed one more hop. */
  protected override mirrorHead(head: string): string {
    const own = this.exchange.connection.localAddress.replace(/^::ffff:/, '')
    const end = head.length - 2
    const fields = `${head.slice(0, end)}x-envoy-internal: true\r\n`
    const line = /\r\nx-forwarded-for: ([^\r]*)/.exec(fields)
    if (line === null) return `${fields}x-forwarded-for: ${own}\r\n\r\n`
    const at = line.index + line[0].length
    return `${fields.slice(0, at)},${own}${fields.slice(at)}\r\n`
  }

  // --- towards the client --------------------------------------------------------------------------------------------------------

  override onAnswer(head: ResponseHead): void {
    head.lowerCaseNames()
    head.set('x-envoy-upstream-service-time', String(Math.round(performance.now() - this.#sentAt)))
    super.onAnswer(head)
    head.set('server', this.serverName)
  }

  protected assertOnAnswer(head: AnswerHead): void {
    const status = this.actions?.directResponse?.status ?? 0
    // Envoy names the request itself, where a direct response is of a kind that names something.
    if (status === 201 || (status >= 300 && status < 400)) {
      head.set('location', `${this.scheme}://${this.authority}${this.target}`)
    }
    this.changeAnswer(head)
  }

  // --- FormatContext -------------------------------------------------------------------------------------------------------------

  override get routeName(): string {
    return this.#route?.spec.name ?? ''
  }

  protected get listenerPort(): number {
    return this.#mesh.spec.port
  }
}
