using AuthMesh.Identity.Users;

namespace AuthMesh.Tests.Users;

public sealed class EmailAddressTests
{
    private static readonly string LongDomain = string.Join('.', Enumerable.Repeat(new string('d', 47), 4)); // 191 characters

    public static TheoryData<string> Accepted =>
    [
        "a@b.cd", "Carol.Smith+mesh@Example.COM", "o'brien_!#$%&*/=?^`{|}~-@example.test", "a@xn--exmple-cua.example", "1@2.example",
        "a@b-c.example", $"{new string('x', 62)}@{LongDomain}", $"{new string('x', 64)}@example.test", "a@4.5.6.example",
    ];

    [Theory]
    [MemberData(nameof(Accepted))]
    public void An_address_is_kept_as_typed_and_compared_in_lower_case(string text)
    {
        var address = EmailAddress.TryParse(text)!;

        Assert.Equal((text, text.ToLowerInvariant()), (address.Value, address.Normalized));
    }

    public static TheoryData<string> Refused =>
    [
        "", "@", "a@", "@b.example", "a.b.example", "a@b", "a@@b.example", "a@b@c.example", "a b@c.example", " a@b.example", "a@b.example ",
        "a@b.example\n", "a\r\nBcc: x@y.example", "a@b.example\0", "a@b..example", "a@.b.example", "a@b.example.", ".a@b.example",
        "a.@b.example", "a..b@c.example", "a@-b.example", "a@b-.example", "a@b_c.example", "a@127.0.0.1", "a@[127.0.0.1]",
        "\"a\"@b.example",
        "a,b@c.example", "<a@b.example>", "Carol <a@b.example>", "a@b.example, c@d.example", "mailto:a@b.example", "jürgen@b.example",
        "a@bücher.example", "аdmin@b.example", "a@b.exаmple", "\ud800@b.example", "a@b.\u212aelvin",
        $"{new string('x', 63)}@{LongDomain}", $"{new string('x', 65)}@example.test", $"a@{new string('d', 64)}.example",
    ];

    [Theory]
    [MemberData(nameof(Refused))]
    public void Any_other_text_is_none(string text) => Assert.Null(EmailAddress.TryParse(text));
}
