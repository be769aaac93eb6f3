using AuthMesh.Requests;

namespace AuthMesh.Tests.Requests;

public sealed class RequestTextTests
{
    private const string Id = "01a206df-fd48-7e5c-bf0e-4b06949bffdd";

    [Theory]
    [InlineData(Id, true)]
    [InlineData("01A206DF-FD48-7E5C-BF0E-4B06949BFFDD", true)]
    [InlineData(Id + "\n", false)]
    [InlineData(Id + " ", false)]
    [InlineData(" " + Id, false)]
    [InlineData(Id + "\0", false)]
    [InlineData("{" + Id + "}", false)]
    [InlineData("01a206dffd487e5cbf0e4b06949bffdd", false)]
    [InlineData("0x0206df-fd48-7e5c-bf0e-4b06949bffdd", false)] // the framework accepts a hexadecimal prefix
    [InlineData("+1a206df-fd48-7e5c-bf0e-4b06949bffdd", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void Only_a_hyphenated_GUID_is_an_id(string? text, bool isId) => Assert.Equal(isId, RequestText.TryReadId(text, out _));

    [Theory]
    [InlineData("0", true)]
    [InlineData("200", true)]
    [InlineData("9223372036854775807", true)]
    [InlineData("9223372036854775808", false)]
    [InlineData("1\0", false)] // the framework reads it as 1
    [InlineData("1 ", false)]
    [InlineData("+1", false)]
    [InlineData("-1", false)]
    [InlineData("١", false)]
    [InlineData("", false)]
    public void A_number_is_only_ASCII_digits(string text, bool isNumber) => Assert.Equal(isNumber, RequestText.TryReadNumber(text, out _));
}
