package dist

import (
	"bytes"
	"crypto/md5" //nolint:gosec // dpkg has it so
	"fmt"
	"strings"
)

// deb is a package of Debian.
func (r *release) deb(p pack, s System) ([]byte, error) {
	files, err := r.debFiles(p, s)
	if err != nil {
		return nil, err
	}
	control := []file{
		{name: "./", mode: 0o755},
		{name: "./control", mode: 0o644, data: []byte(r.debControl(p, s, files))},
		{name: "./md5sums", mode: 0o644, data: md5sums(files)},
	}
	for name, script := range debScripts(p) {
		control = append(control, file{name: "./" + name, mode: 0o755, data: []byte(script)})
	}
	controlTar, err := tarred(sorted(control), r.time)
	if err != nil {
		return nil, err
	}
	data := []file{{name: "./", mode: 0o755}}
	for _, f := range folders(files) {
		f.name = "./" + f.name
		data = append(data, f)
	}
	dataTar, err := tarred(data, r.time)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for _, part := range []file{{name: "debian-binary", data: []byte("2.0\n")}, {name: "control.tar.gz", data: controlTar}, {name: "data.tar.gz", data: dataTar}} {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", part.name, r.time.Unix(), 0, 0, "100644", len(part.data))
		b.Write(part.data)
		if len(part.data)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes(), nil
}

// debVersion is the version of packages of Debian: the first of a release.
func (r *release) debVersion() string { return r.packageVersion() + "-1" }

// debFiles is what a package of Debian has where Debian wants it.
func (r *release) debFiles(p pack, s System) ([]file, error) {
	files, err := r.pages(p)
	if err != nil {
		return nil, err
	}
	files = append(files, r.common(p, s)...)
	files = append(files,
		file{name: "usr/share/zsh/vendor-completions/_" + p.name, data: r.complete[p.name+" zsh"]},
		file{name: p.changelogName("copyright"), data: []byte(fmt.Sprintf(debCopyright, r.time.Year()))},
		file{name: "usr/share/lintian/overrides/" + p.name, data: []byte(fmt.Sprintf(debOverrides, p.name))})
	entry := fmt.Sprintf("%s (%s) unstable; urgency=medium\n\n  * Release %s. changelog.gz says what is new.\n\n -- %s  %s\n",
		p.name, r.debVersion(), r.version, maintainer, r.time.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	for name, text := range map[string][]byte{"changelog.Debian.gz": []byte(entry), "changelog.gz": r.source["CHANGELOG.md"], "THIRD-PARTY-NOTICES.txt.gz": r.built[s].notices} {
		data, err := gzipped(text)
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: p.changelogName(name), data: data})
	}
	return finished(files), nil
}

const debCopyright = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: go-desfire
Source: ` + homepage + `

Files: *
Copyright: %d The go-desfire authors
License: Apache-2.0
 On Debian systems, the text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
Comment:
 The program contains modules of others. Their copyright notices and licences
 are in THIRD-PARTY-NOTICES.txt.gz beside this file.
`

// debOverrides say why what lintian finds is meant so.
const debOverrides = `# Keys and tokens of the services: for root alone.
%[1]s: non-standard-dir-perm
# Programs of Go are not linked by the linker whose options these are about.
%[1]s: hardening-no-pie
%[1]s: hardening-no-relro
# Nobody filed a bug that asks for a package: it does not come from Debian.
%[1]s: initial-upload-closes-no-bugs
# libdl.so.2 brings libc.so.6 along.
%[1]s [armhf]: program-not-linked-against-libc
`

func (r *release) debControl(p pack, s System, files []file) string {
	recommends := ""
	if p.readers {
		recommends = "Recommends: libccid, libpcsclite1, pcscd\n"
	}
	kib := len(folders(files)) - len(files) + 1
	for _, f := range files {
		kib += (len(f.data) + 1023) / 1024
	}
	var description strings.Builder
	for i, paragraph := range p.description {
		if i > 0 {
			description.WriteString(" .\n")
		}
		for _, l := range folded(paragraph, 76) {
			description.WriteString(" " + l + "\n")
		}
	}
	return fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: %s\nInstalled-Size: %d\nDepends: libc6\n%sSection: %s\nPriority: optional\nHomepage: %s\nDescription: %s\n%s",
		p.name, r.debVersion(), debArch[s.Arch], maintainer, kib, recommends, p.section, homepage, p.summary, description.String())
}

func md5sums(files []file) []byte {
	var b bytes.Buffer
	for _, f := range files {
		if !f.folder() {
			fmt.Fprintf(&b, "%x  %s\n", md5.Sum(f.data), f.name) //nolint:gosec // dpkg has it so
		}
	}
	return b.Bytes()
}

// debScripts leave services as they are, but those that run go on with the new program,
// and none is left behind. What services keep is not the package's: ledgers and journals
// are money.
func debScripts(p pack) map[string]string {
	return map[string]string{
		"postinst": `#!/bin/sh
set -e
if [ "$1" = configure ] && [ -d /run/systemd/system ]; then
	systemctl --system daemon-reload >/dev/null || true
	if [ -n "$2" ]; then
		deb-systemd-invoke try-restart ` + unitList(p) + ` >/dev/null || true
	fi
fi
`,
		"prerm": `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
	deb-systemd-invoke stop ` + unitList(p) + ` >/dev/null || true
fi
`,
		"postrm": `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
	systemctl --system daemon-reload >/dev/null || true
fi
if [ "$1" = purge ]; then
	for unit in ` + unitList(p) + `; do
		rm -f "/etc/systemd/system/multi-user.target.wants/$unit"
	done
fi
`,
	}
}
