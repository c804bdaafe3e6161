package boltjournal

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// The layout of a bbolt database, version 2. Numbers are in the byte order of the
// machine.
const (
	pageSize   = 4096
	pageHeader = 16 // number 8, kind 2, count 2, further pages 4
	element    = 16 // leaf: flags, position, size of key, size of value; branch: position, size of key, page 8
	bucketSize = 16 // value of a bucket: page 8, sequence 8; page 0: a page follows

	kindBranch   = 0x01
	kindLeaf     = 0x02
	kindFreelist = 0x10

	metaMagic   = 0xED0CDAED
	metaVersion = 2
	metaSize    = 64 // magic 4, version 4, page size 4, flags 4, root 16, freelist 8, pages 8, transaction 8, checksum 8
	noFreelist  = ^uint64(0)

	maxNode  = maxEvent + 2*pageSize // the longest value and its page
	maxDepth = 64
)

var order = binary.NativeEndian

// meta is one of the two first pages: what the database is since a transaction.
type meta struct{ root, freelist, pages, transaction uint64 }

// readMeta reads one; ok is false if it is none.
func readMeta(page []byte) (m meta, ok bool) {
	b := page[pageHeader : pageHeader+metaSize]
	sum := fnv.New64a()
	_, _ = sum.Write(b[:metaSize-8])
	if order.Uint32(b) != metaMagic || order.Uint32(b[4:]) != metaVersion || order.Uint32(b[8:]) != pageSize ||
		order.Uint64(b[metaSize-8:]) != sum.Sum64() {
		return meta{}, false
	}
	return meta{root: order.Uint64(b[16:]), freelist: order.Uint64(b[32:]), pages: order.Uint64(b[40:]), transaction: order.Uint64(b[48:])}, true
}

// checker reads all pages of a database before bbolt maps it: bbolt trusts them.
type checker struct {
	r       io.ReaderAt
	meta    meta
	used    []bool
	counts  map[string]uint64 // elements of each bucket
	sum     uint64            // of the checksums of the values, that of the head apart
	spoiled error             // of the first value that is not what was written; those of others have no checksums
}

// notBolt is what a file that is no database is told with.
const notBolt = "is no journal of purses: it does not begin as a bbolt database does"

// checkPages finds what bbolt could stumble over: pages that are cut off, used twice, of the
// wrong kind or out of order; name is for errors. What is spoiled in values is left
// to who knows that the database is a journal.
func checkPages(r io.ReaderAt, size int64, name string) (*checker, error) {
	c, err := readMetasOf(r, size, name)
	if err != nil {
		return nil, err
	}
	c.used[0], c.used[1] = true, true
	err = c.tree(c.meta.root, "", nil, nil, 0)
	if err == nil {
		err = c.freelist()
	}
	if err != nil {
		return nil, &DamagedError{name, err.Error()}
	}
	return c, nil
}

// readMetasOf reads the first two pages.
func readMetasOf(r io.ReaderAt, size int64, name string) (*checker, error) {
	var first [2 * pageSize]byte
	if n, err := r.ReadAt(first[:], 0); err != nil {
		switch {
		case err != io.EOF:
			return nil, err
		case n == 0:
			return nil, &FormatError{name, "is empty, and no journal of purses: remove it to begin a new one"}
		case n < pageHeader+4 || order.Uint32(first[pageHeader:]) != metaMagic:
			return nil, &FormatError{name, notBolt}
		}
		return nil, &DamagedError{name, fmt.Sprintf("it is cut off after %d bytes", n)}
	}
	m, ok := readMeta(first[:])
	if n, other := readMeta(first[pageSize:]); other && (!ok || n.transaction > m.transaction) {
		m, ok = n, true
	}
	switch {
	case !ok && order.Uint32(first[pageHeader:]) != metaMagic && order.Uint32(first[pageSize+pageHeader:]) != metaMagic:
		return nil, &FormatError{name, notBolt}
	case !ok:
		return nil, &DamagedError{name, "neither of its first two pages is whole"}
	case m.pages < 4 || m.pages > uint64(size)/pageSize:
		return nil, &DamagedError{name, fmt.Sprintf("it is cut off after %d bytes: it had %d pages of %d", size, m.pages, pageSize)}
	}
	return &checker{r: r, meta: m, used: make([]bool, m.pages), counts: map[string]uint64{}}, nil
}

// page reads a page and those that continue it.
func (c *checker) page(no uint64, limit int) ([]byte, error) {
	if no < 2 || no >= c.meta.pages {
		return nil, fmt.Errorf("page %d is none of %d", no, c.meta.pages)
	}
	first := make([]byte, pageSize)
	if _, err := c.r.ReadAt(first, int64(no)*pageSize); err != nil {
		return nil, fmt.Errorf("page %d: %w", no, err)
	}
	more := uint64(order.Uint32(first[12:]))
	switch {
	case order.Uint64(first) != no:
		return nil, fmt.Errorf("page %d says that it is page %d", no, order.Uint64(first))
	case more >= c.meta.pages-no || more >= uint64(limit)/pageSize:
		return nil, fmt.Errorf("page %d goes on for %d pages", no, more)
	}
	for i := no; i <= no+more; i++ {
		if c.used[i] {
			return nil, fmt.Errorf("page %d is used twice", i)
		}
		c.used[i] = true
	}
	if more == 0 {
		return first, nil
	}
	whole := make([]byte, (more+1)*pageSize)
	if _, err := c.r.ReadAt(whole, int64(no)*pageSize); err != nil {
		return nil, fmt.Errorf("page %d: %w", no, err)
	}
	return whole, nil
}

// tree checks a page and what is below it. Its keys are at least from and less than
// to; bucket is empty in the tree of the buckets.
func (c *checker) tree(no uint64, bucket string, from, to []byte, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("page %d is too far below", no)
	}
	p, err := c.page(no, maxNode)
	if err != nil {
		return err
	}
	switch kind := order.Uint16(p[8:]); kind {
	case kindLeaf:
		err = c.leaf(p, bucket, from, to)
	case kindBranch:
		err = c.branch(p, bucket, from, to, depth)
	default:
		err = fmt.Errorf("it is of kind %#x", kind)
	}
	if err != nil {
		return fmt.Errorf("page %d: %w", no, err)
	}
	return err
}

// elements checks those of a page and calls do with each.
func elements(p []byte, from, to []byte, keyAt func(e []byte) (at, size uint32), do func(e, key, rest []byte) error) error {
	count := int(order.Uint16(p[10:]))
	if pageHeader+count*element > len(p) {
		return fmt.Errorf("it has %d elements", count)
	}
	before := from
	for i := range count {
		start := pageHeader + i*element
		e := p[start : start+element]
		at, size := keyAt(e)
		if size == 0 || uint64(start)+uint64(at)+uint64(size) > uint64(len(p)) {
			return fmt.Errorf("element %d is outside", i)
		}
		rest := p[start+int(at):]
		key := rest[:size]
		switch order := bytes.Compare(key, before); {
		case before != nil && (order < 0 || order == 0 && i > 0), to != nil && bytes.Compare(key, to) >= 0:
			return fmt.Errorf("element %d is not in its order", i)
		}
		before = key
		if err := do(e, key, rest[size:]); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) branch(p []byte, bucket string, from, to []byte, depth int) error {
	type child struct {
		key []byte
		no  uint64
	}
	var children []child
	err := elements(p, from, to, func(e []byte) (at, size uint32) { return order.Uint32(e), order.Uint32(e[4:]) }, func(e, key, _ []byte) error {
		children = append(children, child{key, order.Uint64(e[8:])})
		return nil
	})
	if err != nil {
		return err
	}
	if len(children) == 0 {
		return errors.New("nothing is below it")
	}
	for i, n := range children {
		end := to
		if i+1 < len(children) {
			end = children[i+1].key
		}
		if err := c.tree(n.no, bucket, n.key, end, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) leaf(p []byte, bucket string, from, to []byte) error {
	return elements(p, from, to, func(e []byte) (at, size uint32) { return order.Uint32(e[4:]), order.Uint32(e[8:]) }, func(e, key, rest []byte) error {
		flags, size := order.Uint32(e), order.Uint32(e[12:])
		if uint64(size) > uint64(len(rest)) {
			return fmt.Errorf("a value of %d bytes is outside", size)
		}
		if bucket != "" {
			if flags != 0 {
				return fmt.Errorf("a value has flags %#x", flags)
			}
			c.counts[bucket]++
			if _, err := unseal(bucket, string(key), rest[:size]); err != nil {
				c.spoiled = cmp.Or(c.spoiled, err)
			} else if bucket != bucketHead {
				c.sum += uint64(binary.BigEndian.Uint32(rest))
			}
			return nil
		}
		if flags != 1 || size < bucketSize {
			return fmt.Errorf("%q is no bucket", key)
		}
		return c.bucket(string(key), rest[:size])
	})
}

func (c *checker) bucket(name string, value []byte) error {
	c.counts[name] = 0
	if root := order.Uint64(value); root != 0 {
		return c.tree(root, name, nil, nil, 0)
	}
	p := value[bucketSize:]
	if len(p) < pageHeader || order.Uint64(p) != 0 || order.Uint16(p[8:]) != kindLeaf || order.Uint32(p[12:]) != 0 {
		return fmt.Errorf("bucket %q is none", name)
	}
	return c.leaf(p, name, nil, nil)
}

// freelist checks that what is called free is in no use: bbolt writes there.
func (c *checker) freelist() error {
	if c.meta.freelist == noFreelist {
		return nil
	}
	p, err := c.page(c.meta.freelist, int(c.meta.pages)*pageSize)
	if err != nil {
		return fmt.Errorf("the list of free pages: %w", err)
	}
	if kind := order.Uint16(p[8:]); kind != kindFreelist {
		return fmt.Errorf("page %d, the list of free pages, is of kind %#x", c.meta.freelist, kind)
	}
	count, ids := uint64(order.Uint16(p[10:])), p[pageHeader:]
	if count == 0xFFFF {
		count, ids = order.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids))/8 {
		return fmt.Errorf("the list of free pages has %d of them", count)
	}
	for i := range count {
		no := order.Uint64(ids[8*i:])
		if no < 2 || no >= c.meta.pages || c.used[no] {
			return fmt.Errorf("page %d is called free", no)
		}
		c.used[no] = true
	}
	return nil
}
