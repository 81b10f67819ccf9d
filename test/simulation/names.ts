/** The name of the proxies in Record-Route, and the domain of the AORs. */
export const CLUSTER_NAME = 'proxies.example.com';
export const DOMAIN = 'example.com';
/** Numbers that begin so are outside: behind the SBC. */
export const TRUNK = '9';
