package dist

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The SBOM names what Go says is linked, and nothing but; the notices have each.
func (b *built1) bom(t *testing.T) {
	data, err := os.ReadFile(b.path(t, "desfire_", ".cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		BomFormat, SpecVersion, SerialNumber string
		Components                           []struct {
			Ref           string `json:"bom-ref"`
			Name, Version string
			PURL          string
			Hashes        []struct{ Alg, Content string }
			Licenses      []struct{ License struct{ ID string } }
		}
		Dependencies []struct {
			Ref       string
			DependsOn []string
		}
	}
	if wrong := misshapen(data); len(wrong) > 0 {
		t.Errorf("not as CycloneDX has it:\n%s", strings.Join(wrong, "\n"))
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.BomFormat != "CycloneDX" || got.SpecVersion != "1.6" || !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(got.SerialNumber) {
		t.Errorf("%s %s %s", got.BomFormat, got.SpecVersion, got.SerialNumber)
	}
	dir := t.TempDir()
	run(t, dir, "tar", "-xzf", b.path(t, "desfire_", ".tar.gz"), "--strip-components=1")
	text, err := os.ReadFile(dir + "/THIRD-PARTY-NOTICES.txt")
	if err != nil {
		t.Fatal(err)
	}
	refs := map[string]bool{"release": true}
	purls := map[string]bool{}
	for _, c := range got.Components {
		if refs[c.Ref] || len(c.Licenses) == 0 {
			t.Errorf("%s: twice, or without a licence", c.Ref)
		}
		refs[c.Ref], purls[c.PURL] = true, true
		if c.Name == "desfire" || c.Name == "desfire-server" {
			program, err := os.ReadFile(dir + "/" + c.Name)
			if err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(program); len(c.Hashes) != 1 || c.Hashes[0].Content != hex.EncodeToString(sum[:]) {
				t.Errorf("%s has another sum", c.Name)
			}
		} else if !strings.Contains(string(text), "  "+strings.TrimSpace(c.Name+" "+c.Version)+" (") {
			t.Errorf("the notices have no %s", c.Name)
		}
	}
	for _, d := range got.Dependencies {
		for _, on := range append(d.DependsOn, d.Ref) {
			if !refs[on] {
				t.Errorf("%s depends on %s, which is not there", d.Ref, on)
			}
		}
	}
	linked := 0
	for _, p := range programs {
		info, err := buildinfo.ReadFile(dir + "/" + p)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range info.Deps {
			linked++
			if !purls["pkg:golang/"+m.Path+"@"+m.Version] {
				t.Errorf("%s %s is linked and not listed", m.Path, m.Version)
			}
		}
	}
	if linked < 20 || !bytes.Contains(text, []byte("htmx")) || !refs["std"] {
		t.Errorf("%d modules", linked)
	}
}

// What is no licence that fits ends the build.
func TestLicences(t *testing.T) {
	for text, want := range map[string]string{
		"Apache License\n Version 2.0, January 2004":                                          "Apache-2.0",
		"Permission is hereby granted, free of\ncharge, to any person":                        "MIT",
		"Redistribution and use in source and binary forms, with":                             "BSD-2-Clause",
		"Redistribution and use in source and binary forms ... Neither the name of":           "BSD-3-Clause",
		"Mozilla Public License Version 2.0 ... Secondary License GNU GENERAL PUBLIC LICENSE": "MPL-2.0",
		"GNU GENERAL PUBLIC LICENSE Version 3. Permission is hereby granted, free of charge":  "",
		"Apache License Version 2.0 with the Commons Clause":                                  "",
		"All rights reserved.": "",
		"Apache License Version 2.0 ... Redistribution and use in source and binary forms ... Neither the name ... Permission is hereby granted, free of charge": "Apache-2.0 BSD-3-Clause MIT",
	} {
		if got := strings.Join(identify(text), " "); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
		m := module{texts: []notice{{"LICENSE", []byte(text)}}}
		if err := m.judge(); (err == nil) != (want != "") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := (&module{texts: []notice{{"NOTICE", []byte("by somebody")}}}).judge(); err == nil {
		t.Error("a notice alone is a licence")
	}
}
