package securemsg

import (
	"encoding/binary"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/internal/lrp"
)

// LRP messaging (AuthenticateLRPFirst and NonFirst) is EV2 messaging with the
// layout of ev2.go over the leakage resilient primitive. One session master key
// serves both uses by its updated keys; a block counter takes the IV's place.
//
//	MACt   CMAC-LRP with updated key 0
//	C      LRICB with updated key 1, counter of 4 bytes, one step a block in
//	       either direction; First leaves it at 1, NonFirst at 0
type lrpSuite struct {
	key     *lrp.Key
	sum     *lrp.MAC
	cbc     *lrp.CBC
	session func() []byte
}

func newLRPSuite(master [16]byte, counter uint32) *lrpSuite {
	k := lrp.New(master)
	return &lrpSuite{
		key: k, sum: lrp.NewMAC(k),
		cbc:     lrp.NewCBC(k, 1, binary.BigEndian.AppendUint32(nil, counter)),
		session: hide(master[:]),
	}
}

func (s *lrpSuite) clone() suite {
	c := *s
	c.key = s.key.Clone()
	c.sum = lrp.NewMAC(c.key)
	c.session = hide(s.session())
	c.cbc = lrp.NewCBC(c.key, 1, append([]byte(nil), s.cbc.Counter()...))
	return &c
}

func (s *lrpSuite) wipe() {
	clear(s.session())
	s.key.Wipe()
	s.sum.Wipe()
	s.cbc.Wipe()
}

func (s *lrpSuite) mac(head, header, data []byte) [ev2MAC]byte {
	full := s.sum.Sum(head, header, data)
	return cmac.Truncated(full[:])
}

func (s *lrpSuite) encrypt(p, _ []byte, _ bool) { s.cbc.Encrypt(p) }
func (s *lrpSuite) decrypt(p, _ []byte, _ bool) { s.cbc.Decrypt(p) }

func (s *lrpSuite) skip(blocks int) {
	s.cbc.Skip(blocks)
}

func (s *lrpSuite) wrap([]byte) (session, iv []byte) {
	return append([]byte(nil), s.session()...), append([]byte(nil), s.cbc.Counter()...)
}
