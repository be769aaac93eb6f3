using AuthMesh.Errors;
using AuthMesh.Identity.Emails;
using AuthMesh.Identity.Pages.Frame;

namespace AuthMesh.Identity.Pages.Entry;

public sealed record ForgotModel(Visit Visit, Form Form) : PageModel(Visit, Form)
{
    public override string Title => "forgot.title";
}

/// <summary>Asks for a mail that sets a new password. The answer is the same for every text.</summary>
internal static class ForgotPage
{
    public const string Path = "/forgot";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, Show);
        pages.MapPost(Path, AskAsync);
    }

    private static IResult Show(Visit visit, MailVerification mail) =>
        mail.IsPossible ? visit.Show(Forgot.Create(new ForgotModel(visit, Form.Empty))) : MailVerification.NotConfigured;

    private static async Task<IResult> AskAsync(Visit visit, ForgotPassword forgot, CancellationToken cancellationToken)
    {
        var form = await visit.ReadFormAsync("account");
        if (form.IsFine)
        {
            var answer = await forgot.RunAsync(new ForgotPasswordRequest(form["account"]), visit.Context, cancellationToken);
            if (answer.Refusal() is not { } refusal)
            {
                return Visit.To(Path, "forgot");
            }

            if (refusal.Status == StatusCodes.Status404NotFound)
            {
                return refusal;
            }

            form.Refuse(refusal, visit.Language);
        }

        return visit.Show(Forgot.Create(new ForgotModel(visit, form)));
    }
}
