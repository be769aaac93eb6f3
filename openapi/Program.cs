using AuthMesh.OpenApi;

// dotnet run --project openapi: describes both services again, in the files that they serve. A test compares these files with the code.
foreach (var description in Description.All)
{
    await File.WriteAllTextAsync(Path.Combine(Repository.Root, description.File), await description.MakeAsync());
}
