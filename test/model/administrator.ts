// What an administrator does to a plan: versions come, are widened, promoted, drained, rolled back, retired.

import { allVersions, type Plan, type PlanRule } from './plan.ts'

/** One edit that an administrator who follows the documentation might make; undefined where there is nothing to edit that way. */
export function edited(plan: Plan, a: number, b: number, c: number): Plan | undefined {
  const gray = plan.versions.filter((version) => version !== plan.stable)
  const one = gray[b % Math.max(1, gray.length)]
  const rules = plan.rules.filter(({ version }) => version !== one)
  switch (a % 9) {
    case 0: {
      const fresh = allVersions.find((version) => !plan.versions.includes(version))
      if (fresh === undefined) return undefined
      const lean = c % 3 === 0 ? new Set([...plan.lean, fresh]) : plan.lean
      return { ...plan, versions: [...plan.versions, fresh], lean, rules: [...plan.rules, ruleFor(fresh, b, c)] }
    }
    case 1:
      return one === undefined ? undefined : { ...plan, rules: [...plan.rules, ruleFor(one, b, c)].slice(-5) }
    case 2:
      return { ...plan, rules: plan.rules.filter((_, index) => index !== c % Math.max(1, plan.rules.length)) }
    case 3:
      return {
        ...plan,
        rules: plan.rules.map((rule) =>
          'share' in rule.on ? { ...rule, on: { share: Math.min(10_000, rule.on.share * 3) } } : rule,
        ),
      }
    case 4:
      return { ...plan, rules: plan.rules.toReversed() }
    case 5:
      if (one === undefined) return undefined
      return {
        ...plan,
        stable: one,
        rules,
        draining: new Set([...plan.draining, plan.stable].filter((version) => version !== one)),
      }
    case 6:
      return one === undefined ? undefined : { ...plan, rules, draining: new Set([...plan.draining, one]) }
    case 7:
      return { ...plan, epoch: plan.epoch + 1, rules }
    default:
      // v1 lends its pools: it stays.
      if (one === undefined || one === 'v1') return undefined
      return {
        ...plan,
        versions: plan.versions.filter((version) => version !== one),
        lean: new Set([...plan.lean].filter((version) => version !== one)),
        draining: new Set([...plan.draining].filter((version) => version !== one)),
        rules,
      }
  }
}

function ruleFor(version: string, b: number, c: number): PlanRule {
  const fails = b % 5 === 0
  switch (c % 3) {
    case 0:
      return { version, on: { ip: `10.0.0.${b % 4}` }, fails }
    case 1:
      return { version, on: { user: ['anna', 'bert', 'carl'][b % 3]! }, fails }
    default:
      return { version, on: { share: [500, 3000, 7000, 10_000][b % 4]! }, fails }
  }
}
