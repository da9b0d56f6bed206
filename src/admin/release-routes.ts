// POST /release/VERB: the release verbs, as the command line has them. Without `apply` nothing is written and the answer says what would
// change; with the hash of that answer the very same is written and put in force. Edits the file, never the gateway.

import type { FastifyInstance, FastifyReply } from 'fastify'

import { formatProblem, type Problem } from '../config/problem.ts'
import {
  commitEdit,
  type EditPlan,
  isWritable,
  planEdit,
  type RefusedEdit,
  type ReleaseVerb,
} from '../config/release-edit.ts'
import { problem } from './problem-answer.ts'
import type { AdminView } from './view.ts'

const name = { type: 'string', minLength: 1, maxLength: 63 } as const
const names = {
  type: 'array',
  minItems: 1,
  maxItems: 1000,
  items: { type: 'string', minLength: 1, maxLength: 256 },
} as const
const flag = { type: 'boolean' } as const

/** What each verb takes beside the version. */
const verbs: Readonly<Record<ReleaseVerb['verb'], { readonly summary: string; readonly takes: object }>> = {
  add: { summary: 'Give a version to these addresses and users', takes: { ip: names, users: names, rule: name } },
  share: { summary: 'Give a version to a share of all visitors', takes: { share: name, rule: name } },
  promote: { summary: 'Make a version the stable one; the old one drains', takes: {} },
  rollback: { summary: 'Take a version back; with now, its open pages too', takes: { now: flag, to: name } },
  retire: { summary: 'Take a version that has drained out of the file', takes: {} },
}

type Body = Record<string, unknown> & { readonly version: string; readonly apply?: string }

export function addReleaseRoutes(server: FastifyInstance, view: AdminView): void {
  for (const [verb, { summary, takes }] of Object.entries(verbs)) {
    const body = {
      type: 'object',
      required: ['version'],
      additionalProperties: false,
      properties: {
        version: { ...name, description: 'A version that the file lists.' },
        release: { ...name, description: 'Which release; may be left out where there is one.' },
        ...takes,
        apply: { type: 'string', pattern: '^[0-9a-f]{64}$', description: 'The hash of a preview: write it.' },
      },
    }
    server.post<{ Body: Body }>(
      `/release/${verb}`,
      { schema: { summary, tags: ['release'], body, description } },
      async (request, reply) => {
        const { apply, ...rest } = request.body
        const plan = await planEdit(view.configuration().file, { ...rest, verb } as ReleaseVerb, new Date())
        if ('refused' in plan) return refuse(reply, plan)
        if (apply === undefined)
          return reply.send({ ...shown(plan), writable: await isWritable(plan.file), applied: false })
        return carryOut(view, plan, apply, reply)
      },
    )
  }
}

const description =
  'Without apply: what would change, and its hash. With apply: writes it when the file is still the same, and reloads. ' +
  '409 when the file changed or may not be written, 422 when the verb is refused.'

async function carryOut(view: AdminView, plan: EditPlan, hash: string, reply: FastifyReply): Promise<FastifyReply> {
  if (plan.hash !== hash) return problem(reply, 409, 'The file changed since the preview', { refused: 'changed' })
  const commit = await commitEdit(plan)
  if (commit === 'changed') return problem(reply, 409, 'The file changed since the preview', { refused: 'changed' })
  if (commit === 'read-only') {
    return problem(reply, 409, 'The gateway may not write this file: apply the patch where it comes from', {
      refused: 'read-only',
      ...shown(plan),
    })
  }
  return reply.send({ ...shown(plan), applied: commit === 'written', reload: await view.reload() })
}

function refuse(reply: FastifyReply, { refused, reason, problems = [] }: RefusedEdit): FastifyReply {
  return problem(reply, 422, reason, { refused, problems: lines(problems) })
}

function shown({ verb, changes, patch, problems, hash }: EditPlan): object {
  return { verb: verb.verb, version: verb.version, changes, patch, problems: lines(problems), hash }
}

function lines(problems: readonly Problem[]): readonly string[] {
  return problems.map(formatProblem)
}
