using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Pages.Frame;

namespace AuthMesh.Identity.Pages.Entry;

public sealed record ConfirmModel(Visit Visit, Form Form, string? Return) : PageModel(Visit, Form)
{
    public override string Title => "confirm.title";
}

/// <summary>Step-up: a page that needs a recent proof leads here, and this page leads back.</summary>
internal static class ConfirmPage
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet("/confirm", ShowAsync);
        pages.MapPost("/confirm", ConfirmAsync);
    }

    private static async Task<IResult> ShowAsync(Visit visit, CancellationToken cancellationToken) =>
        await visit.FindAccountAsync(cancellationToken) is null
            ? visit.ToSignIn()
            : visit.Show(Confirm.Create(new ConfirmModel(visit, Form.Empty, visit.Return)));

    private static async Task<IResult> ConfirmAsync(Visit visit, Reauthenticate reauthenticate, CancellationToken cancellationToken)
    {
        if (await visit.FindAccountAsync(cancellationToken) is null)
        {
            return visit.ToSignIn();
        }

        var form = await visit.ReadFormAsync(FormField.Secret("password"), "return");
        var leadsTo = ReturnPath.TryParse(form["return"]);
        if (form.IsFine)
        {
            var answer = await reauthenticate.RunAsync(new ReauthenticateRequest(form["password"]), visit.Context, cancellationToken);
            if (answer.Refusal() is not { } refusal)
            {
                return Visit.To(leadsTo ?? Visit.Home);
            }

            if (visit.Divert(refusal) is { } other)
            {
                return other;
            }

            form.Refuse(refusal, visit.Language, refusal.Code == "wrong_password" ? "password" : null);
        }

        return visit.Show(Confirm.Create(new ConfirmModel(visit, form, leadsTo)));
    }
}
