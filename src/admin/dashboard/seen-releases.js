// Releases as they can be seen from traffic alone, where no routes.yaml lists any: services and versions of those that answered. So the
// graph has lanes for manifests of a mesh, too; a route without a subset leads to a version without a name.

/** In the form of /state's releases. */
export function seenReleases({ lanes }) {
  const byRelease = Object.groupBy(
    lanes.filter(({ service, endpoints }) => service !== '' && endpoints.length > 0),
    ({ release }) => release,
  )
  return Object.entries(byRelease)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, same]) => ({
      name,
      hosts: [],
      stable: '',
      services: unique(same.map(({ service }) => service)),
      versions: unique(same.map(({ pool }) => pool)).map((version) => versionOf(version, same)),
      rules: [],
    }))
}

function versionOf(version, lanes) {
  const pools = Object.groupBy(
    lanes.filter(({ pool }) => pool === version),
    ({ service }) => service,
  )
  const endpoints = Object.entries(pools).map(([service, same]) => [
    service,
    unique(same.flatMap((lane) => lane.endpoints.map(({ endpoint }) => endpoint))),
  ])
  return { name: version, role: 'seen', base: version, pools: Object.fromEntries(endpoints), share: 0 }
}

function unique(names) {
  return [...new Set(names)].toSorted()
}
