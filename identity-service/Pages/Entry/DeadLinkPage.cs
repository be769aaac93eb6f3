using AuthMesh.Identity.Emails;
using AuthMesh.Identity.Pages.Frame;

namespace AuthMesh.Identity.Pages.Entry;

/// <param name="Again">The page that asks for a new link; null if none comes by mail.</param>
public sealed record DeadLinkModel(Visit Visit, Form Form, string? Again) : PageModel(Visit, Form)
{
    public override string Title => "dead-link.title";
}

/// <summary>A link that has expired, was used, or was never made: one page for all of them.</summary>
internal static class DeadLinkPage
{
    public static IResult Show(Visit visit, MailVerification mail, string again = ForgotPage.Path)
    {
        var page = DeadLink.Create(new DeadLinkModel(visit, Form.Empty, mail.IsPossible ? again : null));
        var result = visit.Show(page);
        page.StatusCode = ProofToken.InvalidOrExpired.Status;
        return result;
    }
}
