using AuthMesh.Identity.OpenId;
using AuthMesh.Identity.Pages.Frame;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.Pages.Account;

public sealed record ApplicationsModel(Visit Visit, Form Form, IReadOnlyList<AllowedApplicationResponse> Applications)
    : PageModel(Visit, Form)
{
    public override string Title => "applications.title";

    public override Section Section => Section.Applications;

    public override IReadOnlyList<string> Scripts => ["times.js"];
}

/// <summary>Lists the applications that may act for the person, and takes that back.</summary>
internal static class ApplicationsPage
{
    private const string Path = "/me/applications";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, WithdrawAsync);
    }

    private static Task<IResult> ShowAsync(Visit visit, ListAllowedApplications list, CancellationToken cancellationToken) =>
        RenderAsync(visit, Form.Empty, list, cancellationToken);

    private static async Task<IResult> WithdrawAsync(
        Visit visit, ListAllowedApplications list, WithdrawApplication withdraw, CancellationToken cancellationToken)
    {
        if (await visit.FindAccountAsync(cancellationToken) is null)
        {
            return visit.ToSignIn();
        }

        var form = await visit.ReadFormAsync("application");
        if (form.IsFine)
        {
            var answer = await withdraw.RunAsync(form["application"] ?? "", visit.Context, cancellationToken);
            if (answer.Refusal() is not { } refusal)
            {
                return Visit.To(Path, "withdrawn");
            }

            if (visit.Divert(refusal) is { } other)
            {
                return other;
            }

            form.Refuse(refusal, visit.Language);
        }

        return await RenderAsync(visit, form, list, cancellationToken);
    }

    private static async Task<IResult> RenderAsync(
        Visit visit, Form form, ListAllowedApplications list, CancellationToken cancellationToken) =>
        await visit.FindAccountAsync(cancellationToken) is not null
        && (await list.RunAsync(visit.Context, cancellationToken)).Result is Ok<AllowedApplicationsResponse> { Value: { } found }
            ? visit.Show(Applications.Create(new ApplicationsModel(visit, form, found.Applications)))
            : visit.ToSignIn();
}
