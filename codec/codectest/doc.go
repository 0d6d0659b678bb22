// Package codectest is the contract of [core.Codec] as a test suite. A codec
// passes it in three lines:
//
//	func TestContract(t *testing.T) { codectest.Run(t, mycodec.New()) }
//	func FuzzDecode(f *testing.F)   { codectest.FuzzDecode(f, mycodec.New()) }
//	func BenchmarkCodec(b *testing.B) { codectest.Bench(b, mycodec.New()) }
//
// Whether several codecs can stand in for each other, [Equivalence] and
// [FuzzEquivalence] tell.
//
// Each subtest is named for the clause it checks. It needs the standard library
// and core alone.
package codectest
