package dist

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// module is something of others that is in the programs.
type module struct {
	path, version string
	licences      []string // SPDX identifiers
	texts         []notice
}

// notice is a text that has to go along.
type notice struct {
	name string // below the module
	text []byte
}

var texts = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|copyright)([-._].*)?$`)

// modules are those that programs for a system are built of, with their licences:
// those of the modules, and those of folders that are linked in.
func (b *builder) modules(ctx context.Context, s System) ([]module, error) {
	args := []string{"list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}\t{{$.Dir}}{{end}}{{end}}"}
	for _, p := range programs {
		args = append(args, "./cmd/"+p)
	}
	out, err := b.golang(ctx, s, args...)
	if err != nil {
		return nil, err
	}
	root, err := b.golang(ctx, s, "env", "GOROOT", "GOVERSION")
	if err != nil {
		return nil, err
	}
	goroot, version, _ := strings.Cut(root, "\n")
	folders := map[[3]string][]string{{"std", strings.TrimPrefix(strings.TrimSpace(version), "go"), strings.TrimSpace(goroot)}: nil}
	for line := range strings.Lines(out) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 4 {
			m := [3]string(f[:3])
			folders[m] = append(folders[m], f[3])
		}
	}
	var all []module
	for m, dirs := range folders {
		one := module{path: m[0], version: m[1]}
		if err := one.collect(m[2], dirs); err != nil {
			return nil, fmt.Errorf("%s %s: %w", m[0], m[1], err)
		}
		all = append(all, one)
	}
	page, err := b.borrowed()
	if err != nil {
		return nil, err
	}
	all = append(all, page...)
	slices.SortFunc(all, func(a, b module) int { return strings.Compare(a.path, b.path) })
	return all, nil
}

// collect reads the texts at the top of a module and in the folders that lead to those
// that are used.
func (m *module) collect(top string, dirs []string) error {
	places := map[string]bool{top: true}
	for _, d := range dirs {
		for d != top && strings.HasPrefix(d, top) {
			places[d] = true
			d = filepath.Dir(d)
		}
	}
	for dir := range places {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.IsDir() || !texts.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			name, err := filepath.Rel(top, filepath.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			m.texts = append(m.texts, notice{filepath.ToSlash(name), plain(text)})
		}
	}
	return m.judge()
}

// judge finds out which licences the texts are: one that is not known has to be read by
// somebody.
func (m *module) judge() error {
	slices.SortFunc(m.texts, func(a, b notice) int { return strings.Compare(a.name, b.name) })
	for _, t := range m.texts {
		ids := identify(string(t.text))
		base := strings.ToLower(path.Base(t.name))
		if ids == nil && (strings.HasPrefix(base, "notice") || strings.HasPrefix(base, "patents") || strings.HasPrefix(base, "copyright")) {
			continue
		}
		if ids == nil {
			return fmt.Errorf("the licence in %s is none that is known here", t.name)
		}
		m.licences = append(m.licences, ids...)
	}
	if len(m.licences) == 0 {
		return fmt.Errorf("there is no licence")
	}
	slices.Sort(m.licences)
	m.licences = slices.Compact(m.licences)
	return nil
}

// borrowed is what others wrote that is committed here: files of the page.
func (b *builder) borrowed() (all []module, err error) {
	found, err := filepath.Glob(filepath.Join(b.dir, "web", "assets", "LICENSE.*"))
	if err != nil {
		return nil, err
	}
	for _, name := range found {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		m := module{path: strings.TrimPrefix(filepath.Ext(name), "."), texts: []notice{{filepath.Base(name), plain(text)}}}
		if err := m.judge(); err != nil {
			return nil, fmt.Errorf("%s: %w", m.path, err)
		}
		all = append(all, m)
	}
	return all, nil
}

// licences are words of licences that programs under Apache-2.0 may contain, the most
// particular first.
var licences = []struct {
	id    string
	words []string
}{
	{"Apache-2.0", []string{"Apache License", "Version 2.0"}},
	{"MPL-2.0", []string{"Mozilla Public License", "2.0"}},
	{"BSD-3-Clause", []string{"Redistribution and use in source and binary forms", "Neither the name"}},
	{"BSD-3-Clause", []string{"Redistribution and use in source and binary forms", "may not be used to endorse"}},
	{"BSD-2-Clause", []string{"Redistribution and use in source and binary forms"}},
	{"MIT", []string{"Permission is hereby granted, free of charge"}},
	{"0BSD", []string{"BSD Zero Clause"}},
	{"ISC", []string{"Permission to use, copy, modify, and", "distribute this software for any purpose"}},
	{"CC0-1.0", []string{"CC0 1.0 Universal"}},
	{"Unlicense", []string{"released into the public domain"}},
}

// identify is the SPDX identifiers of the licences in a text, none if it has none that is
// known, or the GPL in any form.
func identify(text string) (ids []string) {
	text = strings.Join(strings.Fields(text), " ")
	mozilla := strings.Contains(text, "Mozilla Public License") // speaks of the others
	for _, refused := range []string{"GENERAL PUBLIC LICENSE", "GNU LESSER", "GNU AFFERO", "Server Side Public License", "Business Source License", "Commons Clause"} {
		if strings.Contains(text, refused) && !mozilla {
			return nil
		}
	}
	for _, l := range licences {
		has := !slices.ContainsFunc(l.words, func(w string) bool { return !strings.Contains(text, w) })
		if has && !slices.Contains(ids, l.id) && (l.id != "BSD-2-Clause" || !slices.Contains(ids, "BSD-3-Clause")) {
			ids = append(ids, l.id)
		}
	}
	return ids
}

// notices is all texts that have to go along with programs.
func notices(all []module) []byte {
	var b bytes.Buffer
	b.WriteString("What is in these programs besides code of go-desfire, and under which terms.\n\n")
	for _, m := range all {
		fmt.Fprintf(&b, "  %s\n", strings.TrimSpace(m.path+" "+m.version)+" ("+strings.Join(m.licences, ", ")+")")
	}
	for _, m := range all {
		for _, t := range m.texts {
			fmt.Fprintf(&b, "\n%s\n%s: %s\n\n%s\n", strings.Repeat("=", 78), strings.TrimSpace(m.path+" "+m.version), t.name, bytes.TrimSpace(t.text))
		}
	}
	return b.Bytes()
}
