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
// A layout holds no keys and names none of the places where keys are kept: it names
// master keys, and the key store of whoever applies the layout has them. So a layout
// can be handed on, and runs nothing on the computer of whoever reads it. Files that
// contents name are read only below the folder of the layout.
package yaml
