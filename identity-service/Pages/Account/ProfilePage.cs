using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Emails;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Sessions;

namespace AuthMesh.Identity.Pages.Account;

/// <param name="CreatedAt">When the account was created.</param>
/// <param name="Chosen">The language that the person chose, if any.</param>
/// <param name="Languages">All languages that the pages have.</param>
/// <param name="HasMail">Whether this mesh sends mail.</param>
/// <param name="Email">The proved address, if any.</param>
/// <param name="Requested">An address that is yet to be proved, if any.</param>
public sealed record ProfileModel(
    Visit Visit, Form Form, string Username, DateTimeOffset CreatedAt, string? Chosen, IReadOnlyList<Language> Languages,
    bool HasMail, string? Email, string? Requested)
    : PageModel(Visit, Form)
{
    public override string Title => "profile.title";

    public override Section Section => Section.Profile;

    public override IReadOnlyList<string> Scripts => ["times.js"];
}

internal static class ProfilePage
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet("/me", ShowAsync);
        pages.MapPost("/me", ChangeAsync);
    }

    private static async Task<IResult> ShowAsync(Visit visit, MailVerification mail, CancellationToken cancellationToken) =>
        await visit.FindAccountAsync(cancellationToken) is { } account ? Render(visit, account, Form.Empty, mail) : visit.ToSignIn();

    private static async Task<IResult> ChangeAsync(
        Visit visit, ChooseLanguage chooseLanguage, MailVerification mail, CancellationToken cancellationToken)
    {
        if (await visit.FindAccountAsync(cancellationToken) is not { } account)
        {
            return visit.ToSignIn();
        }

        var form = await visit.ReadFormAsync("language");
        if (form.IsFine)
        {
            var answer = await chooseLanguage.RunAsync(new ChooseLanguageRequest(form["language"]), visit.Context, cancellationToken);
            if (answer.Refusal() is not { } refusal)
            {
                return Visit.To(Visit.Home, "language");
            }

            if (visit.Divert(refusal) is { } other)
            {
                return other;
            }

            form.Refuse(refusal, visit.Language);
        }

        return Render(visit, account, form, mail);
    }

    private static IResult Render(Visit visit, OwnAccount account, Form form, MailVerification mail) => visit.Show(Profile.Create(
        new ProfileModel(visit, form, account.Username, account.CreatedAt, account.Language, [.. visit.Texts.All],
        mail.IsPossible, account.Email, account.RequestedEmail)));
}
