import { Type } from 'typebox';
import { maxNameCharacters } from '../domain/person-name.js';

/** As `encodeURIComponent` writes up to a hundred characters. */
const encoded = { pattern: "^(?:[A-Za-z0-9_.!~*'()-]|%[0-9A-Fa-f]{2})+$", maxLength: 12 * maxNameCharacters };
const headerText = `percent-encoded UTF-8, ${maxNameCharacters} characters at most; a claim of the client, put into the audit as such`;

/** Headers in which a client may name the person behind a call, for routes that write to the audit. */
export const requesterHeaders = Type.Object({
  'x-claimed-by': Type.Optional(
    Type.String({ ...encoded, description: `the person behind the request, as the client claims: ${headerText}` }),
  ),
  'x-os-user': Type.Optional(
    Type.String({ ...encoded, description: `the client's operating system user: ${headerText}` }),
  ),
});
