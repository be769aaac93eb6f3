using AuthMesh.Identity.Mail;

namespace AuthMesh.Tests.Conventions.Documentation;

/// <summary>docs/mail.md lists every mail and every placeholder.</summary>
public sealed class MailPageTests
{
    private static readonly Page Page = new("docs/mail.md");

    [Fact]
    public void The_page_lists_exactly_the_mails() => Assert.Equal(
        Enum.GetValues<MailKind>().Select(MailTemplates.NameOf).Order(StringComparer.Ordinal),
        Page.Rows("mail").SelectMany(row => Page.Code(row[2])).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_page_lists_exactly_the_placeholders_of_each_mail(bool hasLink)
    {
        var rows = Page.Rows("placeholder");
        foreach (var kind in Enum.GetValues<MailKind>().Where(kind => MailData.HasLink(kind) == hasLink))
        {
            Assert.Equal(
                MailTemplates.PlaceholdersOf(kind).Order(StringComparer.Ordinal),
                rows.Where(row => row[2] is "all" or "all mails" || Page.Code(row[2]).Contains(MailTemplates.NameOf(kind)))
                    .SelectMany(row => Page.Code(row[0])).Select(code => code.Trim('{', '}')).Order(StringComparer.Ordinal));
        }

        Assert.Equal(
            MailTemplates.PlaceholdersOfLayout.Order(StringComparer.Ordinal),
            rows.Where(row => row[2] is "all" or "`layout.html`").SelectMany(row => Page.Code(row[0])).Select(code => code.Trim('{', '}'))
                .Order(StringComparer.Ordinal));
    }
}
