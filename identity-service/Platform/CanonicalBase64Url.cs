using System.Buffers;
using System.Buffers.Text;

namespace AuthMesh.Identity.Platform;

/// <summary>
/// Canonical base64url: no padding, no white space, no left-over bits. A second spelling of a secret would help only an attacker.
/// </summary>
internal static class CanonicalBase64Url
{
    /// <returns>Whether the text is exactly the encoding of as many bytes as <paramref name="bytes"/> has.</returns>
    public static bool TryDecode(ReadOnlySpan<char> text, Span<byte> bytes) =>
        text.Length == Base64Url.GetEncodedLength(bytes.Length)
        && Base64Url.DecodeFromChars(text, bytes, out _, out var written) == OperationStatus.Done // fails on left-over bits
        && written == bytes.Length;
}
