// GET /state and GET /traffic: what the dashboard shows, as one JSON or as a stream of events. The figures are sums that were made
// elsewhere, and one text serves everybody who watches the same window.

import type { FastifyInstance } from 'fastify'

import { eventText, EventStream } from './event-stream.ts'
import { gatewayState } from './gateway-state.ts'
import { problem } from './problem-answer.ts'
import type { AdminView } from './view.ts'

const windows = [10, 60, 300] as const
type Window = (typeof windows)[number]

const trafficQuery = {
  type: 'object',
  additionalProperties: false,
  properties: {
    window: {
      type: 'string',
      enum: windows.map(String),
      default: '60',
      description: 'Seconds that rates and latencies are over.',
    },
  },
} as const

export function addTrafficRoutes(server: FastifyInstance, view: AdminView, build: string): void {
  const stream = new EventStream()
  server.addHook('preClose', async () => stream.close())
  const viewText = oneASecond((window: Window) => JSON.stringify(view.traffic.view(window)))
  const stateText = oneASecond(() => JSON.stringify(gatewayState(view, build)))

  server.get(
    '/state',
    {
      schema: { summary: 'What is configured and in force, how reloads went, which processes serve', tags: ['watch'] },
    },
    (_request, reply) => reply.type('application/json').send(stateText(0)),
  )

  server.get<{ Querystring: { window: string } }>(
    '/traffic',
    {
      schema: {
        summary: 'Who asked whom, how fast, how well',
        description:
          'A stream of events once a second: `state` (as GET /state) when it changed, `traffic`, and `decisions` when there are new ones. ' +
          'One view as JSON for who accepts application/json and not text/event-stream.',
        tags: ['watch'],
        querystring: trafficQuery,
        produces: ['text/event-stream', 'application/json'],
      },
    },
    (request, reply) => {
      const window = Number(request.query.window) as Window
      if (wantsJson(request.headers.accept)) return reply.type('application/json').send(viewText(window))
      let state = ''
      let newest = 0
      const next = (): string => {
        let events = ''
        if (stateText(0) !== state) events += eventText('state', (state = stateText(0)))
        events += eventText('traffic', viewText(window))
        const decisions = view.traffic.decisions(newest)
        newest = view.traffic.newest
        if (decisions.length > 0) events += eventText('decisions', JSON.stringify(decisions))
        return events
      }
      if (stream.open(reply, next)) return reply
      return problem(reply, 503, 'Too many are watching already')
    },
  )
}

function wantsJson(accept: string | undefined): boolean {
  return accept !== undefined && accept.includes('application/json') && !accept.includes('text/event-stream')
}

/** However many ask within a second (less a little: timers drift), it is made once for each argument. */
function oneASecond<A>(make: (argument: A) => string): (argument: A) => string {
  const made = new Map<A, { readonly at: number; readonly text: string }>()
  return (argument) => {
    const now = performance.now()
    const known = made.get(argument)
    if (known !== undefined && now - known.at < 900) return known.text
    const text = make(argument)
    made.set(argument, { at: now, text })
    return text
  }
}
