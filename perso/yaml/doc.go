// Package yaml reads layouts as people write them: what cards should be, in YAML,
// with keys by name and contents that may differ from card to card.
//
//	desfire: layout/v1
//	card: {generations: [ev2, ev3], master: picc-master}
//	keys:
//	  picc-master: {type: aes, version: 1, from: campus-2026, diversify: {an10922: {uid: true}}}
//	  door-master: {type: aes, version: 1, from: campus-2026, diversify: {an10922: {uid: true, aid: true}}}
//	applications:
//	  - aid: "F48121"
//	    keys: {master: door-master}
//	    files:
//	      - {no: 1, type: standard, size: 32, mode: full, read: door-master, content: {template: "{{.card_no}}", pad: 00}}
//
// Read makes a Document of it. Document.Layout is the perso.Layout for a row of a
// table, Document.Keys the key stores that go with it. Whatever stands in a layout
// is applied or an error; errors say line and column.
//
// # Keys
//
// Rights go to names of keys, never to numbers: a name in a right is one of the keys
// of the application. A key is made of a master key (from), diversified by AN10922 or
// as it is; without from, the key store has it at its place. A list of keys is what the
// name had, the newest first: versions tell which of them a card holds.
//
// A layout holds no keys and names none of the places where keys are kept: it names
// master keys, and the key store of whoever applies the layout has them. So a layout
// can be handed on, and runs nothing on the computer of whoever reads it.
//
// # Contents
//
// content is what a file holds and shall go on holding; initial is what it begins with.
// Both are text, hex, a file, an NDEF message, or a template: text with {{.column}} for
// the columns of a table, through the functions upper, lower, trim, hex, cut N, pad N and
// zeropad N. Templates do not loop, call or define. Files are read only below the folder
// of the layout. A URI of secure dynamic messaging makes content and settings.
//
// # Text
//
// YAML's types do not count: 000010 and 1E0001 are AIDs, no is a name. Anchors, tags and
// a second document are refused. A layout has at most 1 MiB, its contents 16 MiB.
package yaml
