using System.Text;

namespace AuthMesh.Identity.Platform;

/// <summary>Parses <c>application/x-www-form-urlencoded</c> (WHATWG URL §5.1) without repairing anything.</summary>
internal static class FormBody
{
    private const int MostFields = 40; // a reset has a box for each of 20 passkeys

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static bool TryParse(ReadOnlySpan<byte> body, out List<(string Name, string Value)> pairs)
    {
        pairs = [];
        if (body.IsEmpty)
        {
            return true;
        }

        foreach (var range in body.Split((byte)'&'))
        {
            var pair = body[range];
            var equals = pair.IndexOf((byte)'=');
            if (equals <= 0 || pairs.Count == MostFields
                || TryDecode(pair[..equals]) is not { } name || TryDecode(pair[(equals + 1)..]) is not { } value)
            {
                return false;
            }

            pairs.Add((name, value));
        }

        return true;
    }

    private static string? TryDecode(ReadOnlySpan<byte> text)
    {
        var bytes = new byte[text.Length];
        var length = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '%')
            {
                bytes[length++] = text[i] == '+' ? (byte)' ' : text[i];
            }
            else if (i + 2 < text.Length && char.IsAsciiHexDigit((char)text[i + 1]) && char.IsAsciiHexDigit((char)text[i + 2]))
            {
                bytes[length++] = (byte)((HexValue(text[i + 1]) << 4) | HexValue(text[i + 2]));
                i += 2;
            }
            else
            {
                return null;
            }
        }

        try
        {
            return Strict.GetString(bytes, 0, length);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    private static int HexValue(byte digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}
