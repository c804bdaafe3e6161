package yaml_test

import (
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/perso/yaml"
)

const badge = `desfire: layout/v1
card: {generations: [ev2, ev3], master: picc-master}
keys:
  picc-master: {type: aes, version: 1, from: badges-2026, diversify: {an10922: {uid: true, system: "picc"}}}
  badge-master: {type: aes, version: 1, from: badges-2026, diversify: {an10922: {uid: true, aid: true}}}
  door: {type: aes, version: 1, from: badges-2026, diversify: {an10922: {uid: true, aid: true, system: "door"}}}
applications:
  - aid: "F48121"
    name: badge
    keys: {master: badge-master, 1: door}
    files:
      - {no: 1, name: holder, type: standard, size: 32, mode: full, read: door, write: badge-master, content: {template: "{{.card_no}}|{{.name}}", pad: 00}}
`

// A layout says which columns of a table its contents take, and is a perso.Layout
// for each row.
func Example() {
	d, err := yaml.Read("badge.yaml", []byte(badge), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Columns(), d.Masters())
	l, err := d.Layout(map[string]string{"card_no": "4711", "name": "Ada"})
	if err != nil {
		fmt.Println(err)
		return
	}
	holder := l.Applications[0].Files[0]
	fmt.Printf("%q %v\n", holder.Data[:8], holder.Settings.Access)
	// Output:
	// [card_no name] [badges-2026]
	// "4711|Ada" read key 1, write key 0, read-write never, change key 0
}

// What is wrong is said with its place, all of it at once.
func ExampleRead() {
	_, err := yaml.Read("badge.yaml", []byte(strings.NewReplacer("read: door", "read: dor", "size: 32", "size: big").Replace(badge)), nil)
	fmt.Println(err)
	// Output:
	// badge.yaml:12:53: size is the text "big": want a number from 1 to 16777215, without quotes
	// badge.yaml:12:76: read is "dor": did you mean door? want badge-master, door, free or never
}

// Lint says what a layout means that its words do not.
func ExampleDocument_Lint() {
	d, err := yaml.Read("badge.yaml", []byte(strings.Replace(badge, "read: door", "read: free", 1)), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range d.Lint() {
		fmt.Printf("%d:%d %s: %s\n", f.Line, f.Column, f.Severity, f.Text)
	}
	// Output:
	// 2:7 note: memory of EV2: about 160 bytes, fits 2K and larger
	// 2:7 note: memory of EV3: about 160 bytes, fits 2K and larger
	// 12:9 warning: file 1 of badge (holder): read is free: without a session it goes in plain, whatever the mode
}
