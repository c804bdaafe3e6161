package dist

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"  //nolint:gosec // rpm has it so
	"crypto/sha1" //nolint:gosec // rpm has it so
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"
)

// rpm is a package of RPM, in the format that version 4 reads and writes: a lead, a
// header of sums, a header, and a cpio archive.
func (r *release) rpm(p pack, s System) ([]byte, error) {
	files, err := r.rpmFiles(p, s)
	if err != nil {
		return nil, err
	}
	archive := cpio(files, r.time.Unix())
	var payload bytes.Buffer
	z := gzip.NewWriter(&payload)
	if _, err := z.Write(archive); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	main := r.rpmHeader(p, s, files)
	main.text(5092, fmt.Sprintf("%x", sha256.Sum256(payload.Bytes()))).numbers(5093, 8)
	main.text(5097, fmt.Sprintf("%x", sha256.Sum256(archive)))
	header := main.bytes(63)
	signed := append(bytes.Clone(header), payload.Bytes()...)
	sum := md5.Sum(signed)      //nolint:gosec // rpm has it so
	sha1sum := sha1.Sum(header) //nolint:gosec // rpm has it so
	sums := rpmHeader{}         // HEADERSIGNATURES
	sums.one(269, fmt.Sprintf("%x", sha1sum))
	sums.one(273, fmt.Sprintf("%x", sha256.Sum256(header)))
	sums.numbers(1000, uint32(len(signed)))
	sums.binary(1004, sum[:])
	sums.numbers(1007, uint32(len(archive)))

	var b bytes.Buffer
	lead := make([]byte, 96)
	copy(lead, "\xED\xAB\xEE\xDB\x03\x00\x00\x00\x00\x01")
	copy(lead[10:75], p.name+"-"+r.packageVersion()+"-1")
	lead[77], lead[79] = 1, 5 // Linux; a header of sums follows
	b.Write(lead)
	b.Write(sums.bytes(62))
	b.Write(make([]byte, (8-b.Len()%8)%8))
	b.Write(signed)
	return b.Bytes(), nil
}

// rpmFiles is what a package of RPM has where Fedora and openSUSE want it, with the
// folders that are its own.
func (r *release) rpmFiles(p pack, s System) ([]file, error) {
	files, err := r.pages(p)
	if err != nil {
		return nil, err
	}
	files = append(files, r.common(p, s)...)
	if p.readers {
		files = append(files,
			file{name: p.changelogName("examples/"), mode: 0o755, kind: document},
			file{name: p.changelogName("examples/desfire-agent.service.d/"), mode: 0o755, kind: document})
	}
	licences := "usr/share/licenses/" + p.name + "/"
	return finished(append(files,
		file{name: "usr/share/zsh/site-functions/_" + p.name, data: r.complete[p.name+" zsh"]},
		file{name: "usr/share/doc/" + p.name + "/", mode: 0o755, kind: document},
		file{name: p.changelogName("README.md"), data: r.source["README.md"], kind: document},
		file{name: p.changelogName("CHANGELOG.md"), data: r.source["CHANGELOG.md"], kind: document},
		file{name: licences, mode: 0o755, kind: licence},
		file{name: licences + "LICENSE", data: r.source["LICENSE"], kind: licence},
		file{name: licences + "THIRD-PARTY-NOTICES.txt", data: r.built[s].notices, kind: licence},
	)), nil
}

const (
	rpmLess, rpmEqual = 2, 8
	rpmPost           = 1 << 10
	rpmPreun          = 1 << 11
	rpmPostun         = 1 << 12
	rpmInterpreter    = 1 << 8
	rpmItself         = 1 << 24
)

// relation is what a package needs or gives.
type relation struct {
	name    string
	flags   uint32
	version string
}

func (r *release) rpmHeader(p pack, s System, files []file) *rpmHeader {
	version, arch := r.packageVersion(), rpmArch[s.Arch]
	h := &rpmHeader{}
	h.text(100, "C").one(1000, p.name).one(1001, version).one(1002, "1")
	var description []string
	for _, paragraph := range p.description {
		description = append(description, strings.Join(folded(paragraph, 76), "\n"))
	}
	h.translated(1004, strings.ToUpper(p.summary[:1])+p.summary[1:]).translated(1005, strings.Join(description, "\n\n"))
	h.numbers(1006, uint32(r.time.Unix())).one(1007, "localhost").numbers(1009, uint32(size(files)))
	h.one(1011, "go-desfire").one(1014, "Apache-2.0").one(1015, maintainer).translated(1016, "Unspecified").one(1020, homepage).one(1021, "linux").one(1022, arch)
	h.one(1044, p.name+"-"+version+"-1.src.rpm").one(1064, "4.18.0").one(1124, "cpio").one(1125, "gzip").one(1126, "6").one(5062, "utf-8")

	h.relations(1047, 1112, 1113, []relation{{p.name, rpmEqual, version + "-1"}})
	needs := []relation{
		{"/bin/sh", rpmInterpreter | rpmPost, ""}, {"/bin/sh", rpmInterpreter | rpmPreun, ""}, {"/bin/sh", rpmInterpreter | rpmPostun, ""},
		{"glibc", 0, ""},
		{"rpmlib(CompressedFileNames)", rpmItself | rpmLess | rpmEqual, "3.0.4-1"},
		{"rpmlib(FileDigests)", rpmItself | rpmLess | rpmEqual, "4.6.0-1"},
		{"rpmlib(PayloadFilesHavePrefix)", rpmItself | rpmLess | rpmEqual, "4.0-1"},
	}
	if strings.Contains(version, "~") {
		needs = append(needs, relation{"rpmlib(TildeInVersions)", rpmItself | rpmLess | rpmEqual, "4.10.0-1"})
	}
	h.relations(1049, 1048, 1050, needs)
	if p.readers {
		library := "libpcsclite.so.1"
		if s.Arch != "arm" {
			library += "()(64bit)"
		}
		h.relations(5046, 5048, 5047, []relation{{library, 0, ""}, {"pcsc-lite", 0, ""}})
	}
	for i, script := range rpmScripts(p) {
		h.one(1024+uint32(i), script).one(1086+uint32(i), "/bin/sh")
	}
	h.files(files, uint32(r.time.Unix()))
	return h
}

// rpmScripts run after the installation, before the removal and after it. $1 is how many
// versions of the package are left then.
func rpmScripts(p pack) [3]string {
	return [3]string{`if [ -d /run/systemd/system ]; then
	systemctl daemon-reload >/dev/null 2>&1 || :
fi
`, `if [ "$1" -eq 0 ] && [ -d /run/systemd/system ]; then
	systemctl --no-reload disable --now ` + unitList(p) + ` >/dev/null 2>&1 || :
fi
`, `if [ -d /run/systemd/system ]; then
	systemctl daemon-reload >/dev/null 2>&1 || :
	if [ "$1" -ge 1 ]; then
		systemctl try-restart ` + unitList(p) + ` >/dev/null 2>&1 || :
	fi
fi
`}
}

// files describes the files of a package.
func (h *rpmHeader) files(files []file, at uint32) {
	var sizes, times, flags, devices, inodes, verify, dirIndexes []uint32
	var modes, rdevs []uint16
	var digests, links, users, languages, bases, dirs []string
	for i, f := range files {
		name := "/" + strings.TrimSuffix(f.name, "/")
		dir := strings.TrimSuffix(path.Dir(name), "/") + "/"
		if len(dirs) == 0 || dirs[len(dirs)-1] != dir {
			dirs = append(dirs, dir)
		}
		at, digest := at, ""
		if !f.folder() {
			digest = fmt.Sprintf("%x", sha256.Sum256(f.data))
		}
		flag := map[kind]uint32{document: 2, licence: 128}[f.kind]
		sizes, times, flags = append(sizes, uint32(len(f.data))), append(times, at), append(flags, flag)
		modes, rdevs = append(modes, rpmMode(f)), append(rdevs, 0)
		devices, inodes, verify = append(devices, 1), append(inodes, uint32(i+1)), append(verify, ^uint32(0))
		digests, links, users, languages = append(digests, digest), append(links, ""), append(users, "root"), append(languages, "")
		bases, dirIndexes = append(bases, path.Base(name)), append(dirIndexes, uint32(len(dirs)-1))
	}
	h.numbers(1028, sizes...).shorts(1030, modes...).shorts(1033, rdevs...).numbers(1034, times...).text(1035, digests...).text(1036, links...)
	h.numbers(1037, flags...).text(1039, users...).text(1040, users...).numbers(1045, verify...).numbers(1095, devices...).numbers(1096, inodes...)
	h.text(1097, languages...).numbers(1116, dirIndexes...).text(1117, bases...).text(1118, dirs...).numbers(5011, 8)
}

func rpmMode(f file) uint16 {
	if f.folder() {
		return 0o040000 | uint16(f.mode)
	}
	return 0o100000 | uint16(f.mode)
}

// cpio is files in the format newc.
func cpio(files []file, at int64) []byte {
	var b bytes.Buffer
	add := func(inode int, name string, mode uint16, links int, data []byte) {
		fmt.Fprintf(&b, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode, mode, 0, 0, links, at, len(data), 0, 0, 0, 0, len(name)+1, 0)
		b.WriteString(name + "\x00")
		b.Write(make([]byte, (4-b.Len()%4)%4))
		b.Write(data)
		b.Write(make([]byte, (4-b.Len()%4)%4))
	}
	for i, f := range files {
		links := 1
		if f.folder() {
			links = 2
		}
		add(i+1, "./"+strings.TrimSuffix(f.name, "/"), rpmMode(f), links, f.data)
	}
	at = 0
	add(0, "TRAILER!!!", 0, 1, nil)
	return b.Bytes()
}

// rpmHeader is tags with values.
type rpmHeader struct{ tags []rpmTag }

// rpmTag is one; its data are big-endian.
type rpmTag struct {
	tag, kind, count, align uint32
	data                    []byte
}

func (h *rpmHeader) add(t rpmTag) *rpmHeader {
	h.tags = append(h.tags, t)
	return h
}

func (h *rpmHeader) shorts(tag uint32, values ...uint16) *rpmHeader {
	var data []byte
	for _, v := range values {
		data = binary.BigEndian.AppendUint16(data, v)
	}
	return h.add(rpmTag{tag, 3, uint32(len(values)), 2, data})
}

func (h *rpmHeader) numbers(tag uint32, values ...uint32) *rpmHeader {
	var data []byte
	for _, v := range values {
		data = binary.BigEndian.AppendUint32(data, v)
	}
	return h.add(rpmTag{tag, 4, uint32(len(values)), 4, data})
}

func (h *rpmHeader) one(tag uint32, text string) *rpmHeader {
	return h.add(rpmTag{tag, 6, 1, 1, []byte(text + "\x00")})
}

func (h *rpmHeader) binary(tag uint32, data []byte) *rpmHeader {
	return h.add(rpmTag{tag, 7, uint32(len(data)), 1, data})
}

func (h *rpmHeader) text(tag uint32, values ...string) *rpmHeader {
	return h.add(rpmTag{tag, 8, uint32(len(values)), 1, []byte(strings.Join(values, "\x00") + "\x00")})
}

func (h *rpmHeader) translated(tag uint32, text string) *rpmHeader {
	return h.add(rpmTag{tag, 9, 1, 1, []byte(text + "\x00")})
}

// relations are what is related, how, and to which version.
func (h *rpmHeader) relations(names, flags, versions uint32, all []relation) {
	var n, v []string
	var f []uint32
	for _, one := range all {
		n, f, v = append(n, one.name), append(f, one.flags), append(v, one.version)
	}
	h.text(names, n...).numbers(flags, f...).text(versions, v...)
}

// bytes is the header, with the region that says that it is whole.
func (h *rpmHeader) bytes(region uint32) []byte {
	slices.SortFunc(h.tags, func(a, b rpmTag) int { return int(a.tag) - int(b.tag) })
	var index, store bytes.Buffer
	entry := func(b *bytes.Buffer, values ...uint32) {
		for _, v := range values {
			b.Write(binary.BigEndian.AppendUint32(nil, v))
		}
	}
	for _, t := range h.tags {
		for store.Len()%int(t.align) != 0 {
			store.WriteByte(0)
		}
		entry(&index, t.tag, t.kind, uint32(store.Len()), t.count)
		store.Write(t.data)
	}
	n := uint32(len(h.tags) + 1)
	var b bytes.Buffer
	b.WriteString("\x8E\xAD\xE8\x01\x00\x00\x00\x00")
	entry(&b, n, uint32(store.Len()+16), region, 7, uint32(store.Len()), 16)
	b.Write(index.Bytes())
	b.Write(store.Bytes())
	entry(&b, region, 7, -(n * 16), 16)
	return b.Bytes()
}
