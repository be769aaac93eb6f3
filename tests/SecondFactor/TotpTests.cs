using System.Text;
using AuthMesh.Identity.SecondFactor;

namespace AuthMesh.Tests.SecondFactor;

public sealed class TotpTests
{
    private static readonly byte[] Secret = "12345678901234567890"u8.ToArray(); // RFC 6238 appendix B

    // The RFC shows eight digits; six are the last of them.
    [Theory]
    [InlineData(59, "287082")]
    [InlineData(1_111_111_109, "081804")]
    [InlineData(1_111_111_111, "050471")]
    [InlineData(1_234_567_890, "005924")]
    [InlineData(2_000_000_000, "279037")]
    [InlineData(20_000_000_000, "353130")]
    public void The_codes_are_those_of_RFC_6238(long seconds, string code)
    {
        var step = Totp.StepAt(DateTimeOffset.FromUnixTimeSeconds(seconds));

        Assert.Equal(code, Totp.CodeAt(Secret, step));
        Assert.Equal(step, Totp.FindStep(Secret, code, step));
    }

    [Theory]
    [InlineData(-2, false)]
    [InlineData(-1, true)]
    [InlineData(0, true)]
    [InlineData(1, true)]
    [InlineData(2, false)]
    public void A_code_is_good_for_its_step_and_one_on_each_side(int later, bool isGood)
    {
        const long Step = 37_037_036;

        Assert.Equal(isGood ? Step : null, Totp.FindStep(Secret, Totp.CodeAt(Secret, Step), Step + later));
    }

    [Theory]
    [InlineData("")]
    [InlineData("28708")]
    [InlineData("2870820")]
    [InlineData("94287082")]
    [InlineData("28708２")]
    [InlineData("\0")]
    public void Text_that_is_no_code_fits_no_step(string text) => Assert.Null(Totp.FindStep(Secret, text, 1));

    [Theory]
    [InlineData("287 082")]
    [InlineData(" 287082 ")]
    public void Spaces_do_not_matter_because_apps_show_codes_in_groups(string text) => Assert.Equal(1, Totp.FindStep(Secret, text, 1));

    // RFC 4648 §10
    [Theory]
    [InlineData("", "")]
    [InlineData("f", "MY")]
    [InlineData("fo", "MZXQ")]
    [InlineData("foo", "MZXW6")]
    [InlineData("foob", "MZXW6YQ")]
    [InlineData("fooba", "MZXW6YTB")]
    [InlineData("foobar", "MZXW6YTBOI")]
    public void Base32_is_that_of_RFC_4648(string bytes, string text) => Assert.Equal(text, Base32.Encode(Encoding.ASCII.GetBytes(bytes)));

    [Fact]
    public void A_random_text_uses_all_characters_and_is_another_each_time()
    {
        var text = Base32.Random(2_000);

        Assert.Equal(32, text.Distinct().Count());
        Assert.Equal(1_000, Enumerable.Range(0, 1_000).Select(_ => Base32.Random(10)).Distinct().Count());
    }
}
