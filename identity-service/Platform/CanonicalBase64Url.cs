using System.Buffers;
using System.Buffers.Text;

namespace AuthMesh.Identity.Platform;

/// <summary>
/// Base64url in its one spelling: no padding, no white space, no bits left over. Two texts for one secret help nobody but a thief.
/// </summary>
internal static class CanonicalBase64Url
{
    /// <returns>Whether the text is what the encoder would write for just as many bytes as there is room for.</returns>
    public static bool TryDecode(ReadOnlySpan<char> text, Span<byte> bytes) =>
        text.Length == Base64Url.GetEncodedLength(bytes.Length)
        && Base64Url.DecodeFromChars(text, bytes, out _, out var written) == OperationStatus.Done // which it is not with bits left over
        && written == bytes.Length;
}
