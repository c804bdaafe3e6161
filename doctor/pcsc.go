package doctor

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/pcsc"
)

// Return codes of PC/SC, from winscard.h.
const (
	codeServiceStopped    pcsc.Error = 0x8010001E
	codeNoAccess          pcsc.Error = 0x80100027
	codeSecurityViolation pcsc.Error = 0x8010006A
)

// pcsc looks at the readers of PC/SC, or at those with a part of a name.
func (x *exam) pcsc(part string) {
	x.now("the PC/SC service")
	r, err := ask(x, question, func(context.Context) (Readers, error) { return x.m.PCSC() })
	switch {
	case errors.Is(err, errSlow):
		x.hangs()
		return
	case err != nil:
		x.noLibrary(err)
		x.serviceParts()
		return
	}
	list, err := ask(x, talking, r.List)
	var code pcsc.Error
	errors.As(err, &code)
	switch {
	case err == nil || errors.Is(err, pcsc.ErrNoReader):
		x.find("service", x.socket(), "", "")
		x.twice()
	case errors.Is(err, errSlow):
		x.hangs()
		return
	case code == codeSecurityViolation, code == codeNoAccess:
		x.denied()
		return
	default:
		x.noService(err, code)
		return
	}
	if len(list) == 0 {
		x.noReader()
		return
	}
	x.readers(r, list, part)
}

// noLibrary says that there is no PC/SC library.
func (x *exam) noLibrary(err error) {
	switch {
	case x.m.System() != "linux":
		x.find("library", "", "", "")
	case strings.Contains(err.Error(), "wrong ELF class"):
		x.find("library", "libpcsclite.so.1", "the PC/SC library here is for programs of another word size (32 or 64 bits)", "")
	default:
		_, line, _ := x.install()
		x.find("library", "libpcsclite.so.1", "", line)
	}
}

// readers judges the readers that PC/SC has.
func (x *exam) readers(r Readers, list []pcsc.ReaderInfo, part string) {
	x.now("the readers")
	var named, left []string
	meant := 0
	for _, i := range list {
		named = append(named, i.Name)
		if !strings.Contains(strings.ToLower(i.Name), strings.ToLower(part)) {
			continue
		}
		if i.Ignored != "" && (i.State&pcsc.StatePresent == 0 || len(i.ATR) == 0) && i.State&pcsc.StateMute == 0 {
			left = append(left, i.Name+": "+i.Ignored)
			continue
		}
		meant++
		x.reader(r, i)
	}
	switch {
	case meant > 0:
	case len(left) > 0:
		x.find("reader-contact", strings.Join(left, "; "), "", "")
		x.taken()
	default:
		x.find("reader-name", part, "no reader has this in its name; there are: "+strings.Join(named, ", "), "")
	}
}

// reader judges a reader, and the card on it if nobody else uses it.
func (x *exam) reader(r Readers, i pcsc.ReaderInfo) {
	const dead = pcsc.StateUnknown | pcsc.StateUnavailable
	if i.State&dead != 0 {
		x.find("reader-dead", i.Name, "", "")
		return
	}
	x.find("reader", i.Name, "", "")
	switch {
	case i.State&pcsc.StateMute != 0:
		x.find("card-mute", i.Name, "", "")
	case i.State&pcsc.StatePresent == 0:
		x.find("card-none", i.Name, "", "put one there, then: "+x.tool("info"))
	case i.State&pcsc.StateExclusive != 0:
		x.find("card-held", i.Name, x.heldBy("a program has the card for itself"), x.release())
	case i.Ignored != "":
		x.find("card-contact", i.Name, i.Ignored, "")
	case i.State&pcsc.StateInUse != 0:
		x.find("card-shared", i.Name, x.heldBy("a program uses the card, so it was not asked what it is"), "")
	default:
		x.card(i.Name, func(ctx context.Context) (desfire.Transport, error) { return r.Open(ctx, i.Name) })
	}
}

// heldBy adds the programs that may be meant.
func (x *exam) heldBy(what string) string {
	if list := x.clients(); len(list) > 0 {
		what += "; these use PC/SC: " + names(list)
	}
	return what
}

// clients are the programs that have the PC/SC library, other than this one.
func (x *exam) clients() (found []process) {
	for _, p := range x.using("libpcsclite.so") {
		if p.name != "pcscd" && !x.own(p) {
			found = append(found, p)
		}
	}
	return found
}

// own reports whether a program is this one.
func (x *exam) own(p process) bool {
	self, err := fs.ReadLink(x.files, "proc/self")
	return err == nil && self == itoa(p.id)
}

// release is the line that makes the program let go that has a card most often.
func (x *exam) release() string {
	if len(x.named("scdaemon")) > 0 {
		return "gpgconf --kill scdaemon"
	}
	return ""
}
