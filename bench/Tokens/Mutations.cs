using System.Buffers.Text;
using System.Numerics;

namespace AuthMesh.Bench.Tokens;

/// <summary>Ways to change the text of a valid token without the signing key.</summary>
internal static class Mutations
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"; // RFC 4648 §5
    private static readonly string[] Blanks = [" ", "\t", "\r", "\n", "\0", "\u00a0", "\u200b", "\ufeff"];
    private static readonly string[] Paddings = ["=", "==", "===", "%3D", ".", "AA==", "A"];
    private static readonly string[] Wrappings = ["Bearer ", "bearer ", "\"", "'", "<", "token="];

    // FIPS 186-5, SEC 2 §2.4.2: the order n of P-256. Modulo n, s and -s give equally valid signatures.
    private static readonly BigInteger Order =
        new(Convert.FromHexString("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"), isUnsigned: true, isBigEndian: true);

    /// <param name="token">A valid token.</param>
    /// <param name="other">Another valid token.</param>
    /// <param name="random">Chooses the position and the change.</param>
    public delegate string Mutation(string token, string other, Random random);

    public static IReadOnlyList<(string Kind, Mutation Make)> All { get; } =
    [
        ("unchanged", (token, _, _) => token),
        ("a character of any kind", (token, _, random) => Splice(token, random.Next(token.Length), 1, ((char)random.Next(128)).ToString())),
        ("a character beyond ASCII", BeyondAscii),
        ("a character more", (token, _, random) => Splice(token, random.Next(token.Length + 1), 0, Alphabet[random.Next(64)].ToString())),
        ("a character less", (token, _, random) => Splice(token, random.Next(token.Length), 1, "")),
        ("neighbours swapped", (token, _, random) => Swap(token, random.Next(token.Length - 1))),
        ("another case", ChangeCase),
        ("white space", (token, _, random) => Splice(token, AtAnEdgeOrAnywhere(token, random), 0, Any(Blanks, random))),
        ("padding", (token, _, random) => ChangePart(token, random, part => part + Any(Paddings, random))),
        ("wrapped", (token, _, random) => random.Next(2) == 0 ? Any(Wrappings, random) + token : token + Any(Wrappings, random)),
        ("left-over bits", (token, _, random) => ChangePart(token, random, part => ChangeLowBits(part, random))),
        ("cut short", (token, _, random) => random.Next(token.Length) is var at && random.Next(2) == 0 ? token[..at] : token[at..]),
        ("two in one", (token, other, random) => Either(token, other, random) + Either(".", "", random) + token),
        ("a part doubled", (token, _, random) => ChangePart(token, random, part => part + Either(".", "", random) + part)),
        ("a part left out", (token, _, random) => ChangePart(token, random, _ => "")),
        ("parts in another order", (token, _, random) => Join(Shuffle(token.Split('.'), random))),
        ("parts of two tokens", (token, other, random) => Join(token.Split('.').Zip(other.Split('.'), (a, b) => Either(a, b, random)))),
        ("two tokens spliced", SpliceTwo),
        ("the signature's twin", (token, _, _) => Twin(token)),
    ];

    /// <summary>Replaces one character with another of the alphabet; successive turns cover each position and each character.</summary>
    public static string Replace(string token, long turn)
    {
        var at = (int)(turn % token.Length);
        var next = Alphabet[(int)((Math.Max(0, Alphabet.IndexOf(token[at])) + 1 + (turn / token.Length % 63)) % 64)];
        return Splice(token, at, 1, next.ToString());
    }

    // A character with the same low byte, or the result of a careless encoding.
    private static string BeyondAscii(string token, string other, Random random)
    {
        var at = random.Next(token.Length);
        var changed = random.Next(4) switch
        {
            0 => (char)(token[at] + 0x100 * random.Next(1, 256)),
            1 => (char)(token[at] + 0xfee0), // full width
            2 => (char)random.Next(0xd800, 0xe000), // a lone surrogate
            _ => (char)(token[at] | 0x80),
        };
        return Splice(token, at, 1, changed.ToString());
    }

    private static string ChangeCase(string token, string other, Random random)
    {
        var at = random.Next(token.Length);
        return random.Next(4) switch
        {
            0 => token.ToUpperInvariant(),
            1 => ChangePart(token, random, part => part.ToLowerInvariant()),
            2 => Splice(token, at, 1, char.ToLowerInvariant(token[at]).ToString()),
            _ => Splice(token, at, 1, char.ToUpperInvariant(token[at]).ToString()),
        };
    }

    /// <summary>If the ECDSA signature (r, s) is valid, so is (r, n - s). The result is a valid token that nobody minted.</summary>
    private static string Twin(string token)
    {
        var start = token.LastIndexOf('.') + 1;
        var signature = Base64Url.DecodeFromChars(token.AsSpan(start));
        var twin = Order - new BigInteger(signature.AsSpan(32), isUnsigned: true, isBigEndian: true);
        var bytes = twin.ToByteArray(isUnsigned: true, isBigEndian: true);
        signature.AsSpan(32).Clear();
        bytes.CopyTo(signature.AsSpan(64 - bytes.Length));
        return token[..start] + Base64Url.EncodeToString(signature);
    }

    private static string SpliceTwo(string token, string other, Random random)
    {
        var at = random.Next(token.Length);
        return token[..at] + other[Math.Min(at, other.Length)..];
    }

    private static string ChangeLowBits(string part, Random random) =>
        part[..^1] + Alphabet[Alphabet.IndexOf(part[^1]) ^ random.Next(1, 16)];

    private static string Splice(string token, int at, int length, string instead) => token[..at] + instead + token[(at + length)..];

    private static string Swap(string token, int at) => Splice(token, at, 2, $"{token[at + 1]}{token[at]}");

    private static string ChangePart(string token, Random random, Func<string, string> change)
    {
        var parts = token.Split('.');
        var which = random.Next(parts.Length);
        parts[which] = change(parts[which]);
        return Join(parts);
    }

    private static int AtAnEdgeOrAnywhere(string token, Random random) =>
        random.Next(
            4) switch
        { 0 => 0, 1 => token.Length, 2 => token.IndexOf('.', StringComparison.Ordinal), _ => random.Next(token.Length) };

    private static string[] Shuffle(string[] parts, Random random)
    {
        random.Shuffle(parts);
        return parts;
    }

    private static string Either(string one, string another, Random random) => random.Next(2) == 0 ? one : another;

    private static string Any(string[] texts, Random random) => texts[random.Next(texts.Length)];

    private static string Join(IEnumerable<string> parts) => string.Join('.', parts);
}
