// Package codectest is the contract of [core.Codec] as a test suite. A codec is tested in
// three lines:
//
//	func TestContract(t *testing.T) { codectest.Run(t, mycodec.New()) }
//	func FuzzDecode(f *testing.F)   { codectest.FuzzDecode(f, mycodec.New()) }
//	func BenchmarkCodec(b *testing.B) { codectest.Bench(b, mycodec.New()) }
//
// [Equivalence] and [FuzzEquivalence] check that several codecs carry the same messages.
//
// Each subtest is named after the clause that it checks. The package imports only the
// standard library and core.
package codectest
