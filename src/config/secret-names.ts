// Which names say that their values are nobody's business: of header fields, parameters, cookies and keys. One list for all that the admin
// server shows.

/** No key of routes.yaml that says something else holds one of these words. */
const secretName = /authorization|token|secret|passw|session|set-cookie|api-?key/i

export function isSecretName(name: string): boolean {
  return secretName.test(name)
}
